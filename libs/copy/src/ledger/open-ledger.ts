import { CopylineError } from '@copyline/contracts';
import { migrateSchema, schemaExists, type Connection } from '@copyline/dws-client';

import { ledgerMigrations } from './migrations.ts';

/**
 * Makes sure that the ledger is there in the version of this program. Creates or migrates it when it
 * is not; any number of sessions may do so at the same time.
 *
 * @throws CopylineError `LEDGER_NEWER`, `LEDGER_UNAVAILABLE`
 */
export async function openLedger(connection: Connection, schema: string): Promise<void> {
  try {
    await migrateSchema(connection, ledgerMigrations(schema));
  } catch (error) {
    throw asLedgerError(error, schema, 'opened');
  }
}

/** Whether a ledger exists at all, in any version. */
export function ledgerExists(connection: Connection, schema: string): Promise<boolean> {
  return schemaExists(connection, schema);
}

/** A refusal by the server while the ledger was used, as the ledger's own error. */
export function asLedgerError(error: unknown, schema: string, what: string): unknown {
  if (!(error instanceof CopylineError)) return error;
  if (error.code !== 'PERMISSION_DENIED' && error.code !== 'SQL_FAILED') return error;
  return new CopylineError(
    'LEDGER_UNAVAILABLE',
    `The ledger in the schema ${schema} cannot be ${what}: ${error.message}`,
    { cause: error, ...(error.sqlstate === undefined ? {} : { sqlstate: error.sqlstate }) },
  );
}
