import { CopylineError } from '@copyline/contracts';
import { quoteIdentifier, type Connection } from '@copyline/dws-client';

import { bootstrapStatements, LEDGER_VERSION, migrationStatements } from './migrations.ts';

/**
 * First part of the advisory lock that lets one session at a time migrate: `copy` in ASCII. The two
 * numbers form keeps clear of libraries that lock on one 64-bit number.
 */
const MIGRATION_LOCK = 0x636f7079;

/**
 * Makes sure that the ledger is there in the version of this program. Creates or migrates it when it
 * is not; any number of sessions may do so at the same time.
 *
 * @throws CopylineError `LEDGER_NEWER`, `LEDGER_UNAVAILABLE`
 */
export async function openLedger(connection: Connection, schema: string): Promise<void> {
  if (await isCurrent(connection, schema)) return;
  try {
    await connection.transaction(async () => {
      await connection.query('SELECT pg_advisory_xact_lock($1::int4, hashtext($2)::int4)', [
        MIGRATION_LOCK,
        schema,
      ]);
      if (await isCurrent(connection, schema)) return;
      await connection.query(bootstrapStatements(schema));
      const version = await readVersion(connection, schema);
      for (let next = version + 1; next <= LEDGER_VERSION; next += 1) {
        await connection.query(migrationStatements(schema, next));
      }
    });
  } catch (error) {
    throw asLedgerError(error, schema, 'created');
  }
}

/** Whether a ledger exists at all, in any version. */
export async function ledgerExists(connection: Connection, schema: string): Promise<boolean> {
  const { rows } = await connection.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = $1 AND c.relname = 'migration') AS found`,
    [schema],
  );
  return rows[0]?.found === true;
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

async function isCurrent(connection: Connection, schema: string): Promise<boolean> {
  if (!(await ledgerExists(connection, schema))) return false;
  const version = await readVersion(connection, schema);
  if (version > LEDGER_VERSION) {
    throw new CopylineError(
      'LEDGER_NEWER',
      `The ledger has version ${String(version)}, this Copyline knows ${String(LEDGER_VERSION)}`,
    );
  }
  return version === LEDGER_VERSION;
}

async function readVersion(connection: Connection, schema: string): Promise<number> {
  try {
    const { rows } = await connection.query<{ version: number | null }>(
      `SELECT max(version) AS version FROM ${quoteIdentifier(schema)}.migration`,
    );
    return rows[0]?.version ?? 0;
  } catch (error) {
    throw asLedgerError(error, schema, 'read');
  }
}
