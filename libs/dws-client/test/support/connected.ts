import { type FaultProxy, realPid, type TestDatabase, waitFor } from '@copyline/testkit';
import { expect, onTestFinished } from 'vitest';

import { connect, type Connection, type ConnectOptions } from '../../src/index.ts';

/** The conninfo of a test's own place: its schema comes first in the `search_path`. */
export function conninfoOf(db: TestDatabase, through?: FaultProxy): string {
  const url = new URL(through === undefined ? db.url() : through.url(db));
  url.searchParams.set('options', `-csearch_path=${db.schema}`);
  if (through !== undefined) url.searchParams.set('sslmode', 'disable');
  return url.href;
}

/** A connection of the product, closed at the end of the test. */
export async function connected(
  target: string,
  options: Omit<ConnectOptions, 'target'> = {},
): Promise<Connection> {
  const connection = await connect({ target, ...options });
  onTestFinished(() => connection.close());
  return connection;
}

export async function backendOf(connection: Connection): Promise<number> {
  const { rows } = await connection.query<{ pid: number | bigint }>(
    'select pg_backend_pid() as pid',
  );
  return realPid(rows[0]?.pid ?? 0);
}

/** The backends of the product in this database, in a transaction or not. */
export async function backendsOf(db: TestDatabase): Promise<number[]> {
  const all = await db.sql<{ pid: number }>(
    `select pid from pg_stat_activity
      where datname = current_database() and application_name like 'copyline%' order by pid`,
  );
  return all.map(({ pid }) => pid);
}

/** Ends a backend and waits until it is gone. */
export async function terminate(db: TestDatabase, pid: number): Promise<void> {
  await db.sql('select pg_terminate_backend($1)', [pid]);
  await gone(db, pid);
}

export async function gone(db: TestDatabase, pid: number): Promise<void> {
  await waitFor(`backend ${pid} to go`, async () => {
    const left = await db.sql('select from pg_stat_activity where pid = $1', [pid]);
    return left.length === 0;
  });
}

/** What was sent, without what a server is asked when a session begins that has not said what it is. */
export function statementsOf(proxy: FaultProxy): string[] {
  return proxy.queries.filter((sql) => !sql.startsWith('SELECT version()'));
}

export async function countOf(db: TestDatabase, table: string): Promise<number> {
  const [row] = await db.sql<{ n: number }>(`select count(*)::int4 as n from ${table}`);
  return row?.n ?? -1;
}

/** Proves that a connection is as good as new. */
export async function expectHealthy(connection: Connection): Promise<void> {
  expect(connection.isUsable).toBe(true);
  expect(connection.transactionStatus).toBe('idle');
  const { rows } = await connection.query('select 1 as one');
  expect(rows).toEqual([{ one: 1 }]);
}

/** The lines `first` … `last` of a one-column table. */
export function lines(first: number, last: number): Buffer {
  const all = Array.from({ length: last - first + 1 }, (_, i) => `${first + i}\n`);
  return Buffer.from(all.join(''));
}
