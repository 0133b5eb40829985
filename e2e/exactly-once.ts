import { rowsExactlyOnce, waitFor, type TestDatabase } from '@copyline/testkit';
import { expect } from 'vitest';

/**
 * What must be true after every load, however it went: each row of the file exactly once, one
 * `done` entry in the ledger, and nothing left over.
 */
export async function loadedExactlyOnce(
  db: TestDatabase,
  table: string,
  rows: number,
): Promise<void> {
  await rowsExactlyOnce(db, table, rows);
  const entries = await ledgerStates(db);
  expect(entries.filter((state) => state === 'done')).toHaveLength(1);
  await nothingLeftOver(db);
}

/** The other half of the promise: no row, no `done` entry, nothing left over. */
export async function notLoaded(db: TestDatabase, table: string): Promise<void> {
  await rowsExactlyOnce(db, table, 0);
  expect(await ledgerStates(db)).not.toContain('done');
  await nothingLeftOver(db);
}

/** States of all runs, the oldest first. */
export async function ledgerStates(db: TestDatabase): Promise<string[]> {
  const rows = await db.sql<{ state: string }>(
    'SELECT state FROM copyline.load ORDER BY started_at',
  );
  return rows.map((row) => row.state);
}

async function nothingLeftOver(db: TestDatabase): Promise<void> {
  // A backend notices the end of its client when it next reads; give it that moment.
  await waitFor('no session of the product holds a lock or a transaction', async () => {
    const [busy] = await db.sql<{ sessions: number }>(
      `SELECT count(*)::int4 AS sessions FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
          AND a.application_name LIKE 'copyline%'`,
    );
    return busy?.sessions === 0;
  });
  const tables = await db.sql<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
      WHERE c.relkind = 'r' AND c.relnamespace = 'copyline'::regnamespace ORDER BY 1`,
  );
  expect(tables.map((table) => table.name)).toEqual([
    'copyline.claim',
    'copyline.closed_owner',
    'copyline.load',
    'copyline.migration',
    'copyline.reject',
    'copyline.reject_set',
    'copyline.target',
  ]);
}
