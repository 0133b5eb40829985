import type { LoadReport } from '@copyline/contracts';

import type { FileVersion } from '../source/local-file.ts';

/** What the ledger knows about a source and a target before anything is done. */
export interface LedgerFacts {
  readonly generation: bigint;
  /** The last load of this very source; its version may differ from the file's. */
  readonly lastOfSource: DoneLoad | undefined;
  /** Whether a load of the same size from another version is known: worth hashing the file. */
  readonly sameSizeKnown: boolean;
}

/** A load that is in the target. */
export interface DoneLoad {
  readonly loadId: string;
  readonly fingerprint: string;
  readonly finishedAt: string;
  readonly source: string;
  readonly report: LoadReport;
  readonly version: FileVersion;
}

/** What a load is registered with. */
export interface LoadIdentity {
  readonly loadId: string;
  /** 0 while the table does not exist yet. */
  readonly targetOid: number;
  readonly targetName: string;
  readonly generation: bigint;
  readonly source: string;
  readonly slot: string;
  readonly version: FileVersion;
  readonly fingerprint: string;
  /** Host and process, for people. */
  readonly client: string;
  /** On whose behalf; see `LoadDeps.owner`. */
  readonly owner: string | undefined;
}

export interface Claim {
  readonly fence: bigint;
}
