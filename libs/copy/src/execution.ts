import type { LoadSpec } from '@copyline/contracts';
import type { Connection } from '@copyline/dws-client';

import type { LoadRecorder } from './load-progress.ts';
import type { LoadFacts } from './plan/facts.ts';
import type { LoadPlan } from './plan/plan-load.ts';
import type { LocalFile } from './source/local-file.ts';
import type { Reject } from './rejects/reject.ts';
import type { BusyPolicy } from './wait-for-claim.ts';

/** One run of a plan, with everything that it works on. */
export interface Execution {
  readonly spec: LoadSpec;
  readonly plan: LoadPlan;
  readonly facts: LoadFacts;
  readonly loadId: string;
  readonly slot: string;
  /** Host and process, for the ledger. */
  readonly client: string;
  readonly owner: string | undefined;
  readonly file: LocalFile;
  readonly connection: Connection;
  readonly recorder: LoadRecorder;
  readonly signal: AbortSignal | undefined;
  /** What the server has refused before the transaction had to start again: grows with each time. */
  readonly leftOut: Reject[];
  /** A connection of its own, for what must be done when the load's connection is lost. */
  readonly connect: () => Promise<Connection>;
  readonly whenBusy: BusyPolicy;
  /** How long to look for the outcome of a COMMIT whose answer was lost, in milliseconds. */
  readonly settleTimeoutMs: number;
}
