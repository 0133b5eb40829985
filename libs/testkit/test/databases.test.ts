import { afterAll, describe, expect, it } from 'vitest';
import { rowsExactlyOnce, anyPostgres, useOwnDatabase, useTestDatabase } from '../src/index.ts';
import { expectNoBusyProductSession } from '../src/databases/product-sessions.ts';
import { openClient } from '../src/databases/sql-client.ts';

describe.each(anyPostgres())('a place of its own on $name', (server) => {
  describe('in a schema', () => {
    const db = useTestDatabase(server);
    const seen: string[] = [];

    it.each([1, 2])('starts empty and is found first (%i)', async () => {
      seen.push(db.schema);
      await db.sql('create table orders (rid bigint)');
      await db.sql('insert into orders select generate_series(1, 3)');
      expect(await db.sql(`select count(*)::int as n from "${db.schema}".orders`)).toEqual([
        { n: 3 },
      ]);
      const other = await db.client();
      const { rows } = await other.query('select current_schema() as schema');
      expect(rows).toEqual([{ schema: db.schema }]);
    });

    it('was dropped after the tests before, which had different ones', async () => {
      expect(new Set(seen).size).toBe(2);
      const found = await db.sql('select from pg_namespace where nspname = any($1)', [seen]);
      expect(found).toEqual([]);
    });
  });

  describe('in a database', () => {
    const db = useOwnDatabase(server);
    const second = useOwnDatabase(server);
    let name = '';

    it('is really its own, also beside a second one', async () => {
      name = db.database;
      expect(second.database).not.toBe(db.database);
      const client = await openClient(db.url());
      const { rows } = await client.query('select current_database() as name');
      await client.end();
      expect(rows).toEqual([{ name }]);
      const [row] = await db.sql<{ version: string }>('select version() as version');
      expect(row?.version).toContain(server.name);
    });

    it('was dropped after the test before', async () => {
      expect(await db.sql('select from pg_database where datname = $1', [name])).toEqual([]);
    });

    it('returns values without loss', async () => {
      const [row] = await db.sql(
        `select 9007199254740993::int8 as big, 1.10::numeric as exact, 7::int as small,
                timestamp '2024-02-29 01:02:03.123456' as at, date '2024-02-29' as on_day,
                interval '1 day 2 s' as span, true as flag, array[1, 2] as list`,
      );
      expect(row).toEqual({
        big: 9007199254740993n,
        exact: '1.10',
        small: 7,
        at: '2024-02-29 01:02:03.123456',
        on_day: '2024-02-29',
        span: '1 day 00:00:02',
        flag: true,
        list: [1, 2],
      });
    });

    it('tells rows that came twice or not at all', async () => {
      await db.sql('create table orders (rid bigint)');
      await rowsExactlyOnce(db, 'orders', 0);
      await db.sql('insert into orders values (1), (2), (2)');
      await expect(rowsExactlyOnce(db, 'orders', 3)).rejects.toThrow('3 rows exactly once');
      await expect(rowsExactlyOnce(db, 'orders', 2)).rejects.toThrow('exactly once');
      await db.sql('delete from orders where ctid in (select max(ctid) from orders)');
      await rowsExactlyOnce(db, 'orders', 2);
    });

    it('finds a session of the product that was left in a transaction', async () => {
      const product = await openClient(`${db.url()}?application_name=copyline-test`);
      await product.query(`set application_name = 'copyline load'; begin`);
      const watcher = await db.client();
      await expect(expectNoBusyProductSession(watcher, db.database, 50)).rejects.toThrow(
        /1 busy session.*copyline/,
      );
      await product.query('commit');
      await expectNoBusyProductSession(watcher, db.database);
      await product.end();
    });
  });

  describe('outside a test', () => {
    const db = useTestDatabase(server);
    afterAll(() => {
      expect(() => db.schema).toThrow('only while a test runs');
    });
    it('does not exist', () => {
      expect(db.url()).toContain('testkit_worker_');
    });
  });

  it('names the server without its password', () => {
    expect(server.conninfoWithoutPassword).not.toContain(server.password);
    expect(new URL(server.url()).port).toBe(String(server.port));
  });
});
