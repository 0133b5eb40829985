import type { LoadReport, LoadRequest } from '@copyline/contracts';
import { closeRuns, findCommitted } from '@copyline/copy';
import type { Connection } from '@copyline/dws-client';

/**
 * Asks the ledger of a load's target for the report of the run that was committed for an owner.
 *
 * @param options.close makes the answer final: no run of this owner can commit after it
 */
export type LedgerLookup = (
  load: LoadRequest,
  owner: string,
  options?: { readonly close: true },
) => Promise<LoadReport | undefined>;

/** @param connect to a target by the name of its connection */
export function createLedgerLookup(
  connect: (connection: string) => Promise<Connection>,
  ledgerSchema: string,
): LedgerLookup {
  return async (load, owner, options) => {
    // A load without a ledger leaves no trace to look for.
    if (load.ledger === 'none') return undefined;
    await using connection = await connect(load.connection);
    const ask = options?.close === true ? closeRuns : findCommitted;
    return await ask(connection, ledgerSchema, owner);
  };
}
