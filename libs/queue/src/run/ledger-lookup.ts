import type { LoadReport, LoadRequest } from '@copyline/contracts';
import { findCommitted } from '@copyline/copy';
import type { Connection } from '@copyline/dws-client';

/** Asks the ledger of a load's target for the report of the run that was committed for an owner. */
export type LedgerLookup = (load: LoadRequest, owner: string) => Promise<LoadReport | undefined>;

/** @param connect to a target by the name of its connection */
export function createLedgerLookup(
  connect: (connection: string) => Promise<Connection>,
  ledgerSchema: string,
): LedgerLookup {
  return async (load, owner) => {
    // A load without a ledger leaves no trace to look for.
    if (load.ledger === 'none') return undefined;
    await using connection = await connect(load.connection);
    return await findCommitted(connection, ledgerSchema, owner);
  };
}
