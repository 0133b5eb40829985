import type { LoadReport } from '@copyline/contracts';
import { quoteIdentifier, type Connection } from '@copyline/dws-client';

import { ledgerExists, openLedger } from './open-ledger.ts';

/** A run that is committing just now has its answer within this time, as a rule. */
const COMMITTING_MS = 5_000;

/**
 * The report of the run that was committed on behalf of an owner, if one was. Another one may still be
 * at work, and commit later.
 *
 * @throws CopylineError as the connection does; a database without a ledger has no runs
 */
export async function findCommitted(
  connection: Connection,
  schema: string,
  owner: string,
): Promise<LoadReport | undefined> {
  if (!(await ledgerExists(connection, schema))) return undefined;
  await openLedger(connection, schema);
  return readCommitted(connection, schema, owner);
}

/**
 * The same for good: whatever run of this owner still lives, wherever it is, cannot commit afterwards.
 *
 * The last statement of a load's transaction looks for the owner among the closed ones. One that began
 * before the closing was committed has an entry that is visible and locked by then, and is waited for.
 *
 * @throws CopylineError `SQL_TRANSIENT` while a run is inside its COMMIT, whose outcome nobody knows yet
 */
export async function closeRuns(
  connection: Connection,
  schema: string,
  owner: string,
): Promise<LoadReport | undefined> {
  await openLedger(connection, schema);
  const quoted = quoteIdentifier(schema);
  // Committed before the entries are looked at: that is what leaves no gap.
  await connection.query(
    `INSERT INTO ${quoted}.closed_owner (owner) VALUES ($1) ON CONFLICT DO NOTHING`,
    [owner],
  );
  await connection.transaction(async () => {
    if (connection.server.can.lockTimeout) {
      await connection.query(`SET LOCAL lock_timeout = ${String(COMMITTING_MS)}`);
    }
    await connection.query(
      `UPDATE ${quoted}.load SET state = 'abandoned', finished_at = clock_timestamp()
        WHERE owner = $1 AND state = 'running'`,
      [owner],
    );
  });
  return readCommitted(connection, schema, owner);
}

async function readCommitted(
  connection: Connection,
  schema: string,
  owner: string,
): Promise<LoadReport | undefined> {
  const { rows } = await connection.query<{ report: LoadReport }>(
    `SELECT report FROM ${quoteIdentifier(schema)}.load
      WHERE owner = $1 AND state = 'done' ORDER BY finished_at DESC LIMIT 1`,
    [owner],
  );
  return rows[0]?.report;
}
