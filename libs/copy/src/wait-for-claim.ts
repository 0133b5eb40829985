import type { CopylineError } from '@copyline/contracts';
import { throwIfAborted } from '@copyline/dws-client';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Ledger } from './ledger/ledger.ts';
import type { LoadIdentity } from './ledger/ledger-records.ts';

/** Pauses between looks at the claim: doubling from here up to the limit. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** What to do while another run holds the same source. */
export interface BusyPolicy {
  /**
   * `terminate` ends the session of the other run, which then rolls back. `supersede` does so only
   * when that run was made on behalf of the same owner, and otherwise fails.
   */
  readonly action: 'fail' | 'wait' | 'terminate' | 'supersede';
  /** Longest wait, in milliseconds. */
  readonly timeoutMs: number;
}

/** The other run has ended: what the ledger says now decides, so the load starts again. */
export class ClaimIsFree extends Error {
  constructor() {
    super('The other run has ended');
  }
}

/**
 * Waits for the run that holds a claim.
 *
 * @throws ClaimIsFree when it has ended; CopylineError the `LOAD_BUSY` when it has not in time
 */
export async function waitForClaim(
  ledger: Ledger,
  identity: LoadIdentity,
  busy: CopylineError,
  policy: BusyPolicy,
  signal: AbortSignal | undefined,
): Promise<never> {
  if (policy.action === 'fail') throw busy;
  if (policy.action === 'terminate') await ledger.terminateHolder(identity);
  if (policy.action === 'supersede') {
    const isOurs = identity.owner !== undefined;
    if (!isOurs || !(await ledger.terminateHolder(identity, identity.owner))) throw busy;
  }
  const deadline = performance.now() + policy.timeoutMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    throwIfAborted(signal);
    if (await ledger.isClaimFree(identity)) throw new ClaimIsFree();
    if (performance.now() + pause > deadline) throw busy;
    await sleep(pause, undefined, signal === undefined ? {} : { signal });
  }
}
