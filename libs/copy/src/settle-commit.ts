import { asCopylineError, CopylineError } from '@copyline/contracts';
import type { Connection } from '@copyline/dws-client';
import { setTimeout as sleep } from 'node:timers/promises';

import { Ledger } from './ledger/ledger.ts';

/** Pauses between attempts to reach the server again: doubling from here up to the limit. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Finds out what became of a COMMIT whose answer was lost, by asking the ledger over a new
 * connection. COMMIT is never sent again.
 *
 * @returns when the load is committed
 * @throws CopylineError `CONNECTION_LOST` when it was rolled back, `IN_DOUBT` when no answer could
 *   be had in time
 */
export async function settleCommit(
  context: {
    readonly loadId: string;
    readonly connect: () => Promise<Connection>;
    readonly settleTimeoutMs: number;
  },
  ledgerSchema: string,
  lost: CopylineError,
): Promise<void> {
  const deadline = performance.now() + context.settleTimeoutMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const left = Math.ceil(deadline - performance.now());
    let outcome: 'committed' | 'rolled_back';
    try {
      await using connection = await context.connect();
      outcome = await new Ledger(connection, ledgerSchema).readOutcome(
        context.loadId,
        Math.max(left, FIRST_PAUSE_MS),
      );
    } catch (error) {
      if (performance.now() + pause < deadline) {
        await sleep(pause);
        continue;
      }
      throw new CopylineError(
        'IN_DOUBT',
        `The answer to COMMIT was lost, and the ledger cannot be read: ${asCopylineError(error).message}`,
        { cause: lost, commitState: 'unknown' },
      );
    }
    if (outcome === 'committed') return;
    throw new CopylineError(
      'CONNECTION_LOST',
      'The connection ended at COMMIT; the ledger says that nothing was committed',
      { cause: lost, commitState: 'rolled_back' },
    );
  }
}
