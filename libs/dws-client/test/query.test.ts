import { startFaultProxy, testServers, useTestDatabase, waitFor } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { diagnosticsOf } from '../src/index.ts';
import { backendOf, connected, conninfoOf, expectHealthy, terminate } from './support/connected.ts';
import { startEndHolder } from './support/end-holder.ts';

describe.each(testServers())('a query on $name', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;

  beforeEach(async () => {
    connection = await connected(conninfoOf(db));
  });

  it('takes parameters of every common kind', async () => {
    const { rows, columns, rowCount, command } = await connection.query(
      `select $1::text as t, $2::int8 as n, $3::bool as b, $4::bytea as y, $5::text[] as a,
              $6::json as j, $7::text as missing`,
      ["it's", 2n ** 63n - 1n, true, Buffer.from([0, 255]), ['a', null, '"'], { k: [1] }, null],
    );
    expect(rows).toEqual([
      {
        t: "it's",
        n: 2n ** 63n - 1n,
        b: true,
        y: Buffer.from([0, 255]),
        a: ['a', null, '"'],
        j: { k: [1] },
        missing: null,
      },
    ]);
    expect(columns).toEqual(['t', 'n', 'b', 'y', 'a', 'j', 'missing']);
    expect([rowCount, command]).toEqual([1, 'SELECT']);
  });

  it('runs several statements and gives the result of the last', async () => {
    const { rows, command } = await connection.query('select 1 as a; select 2 as b');
    expect([rows, command]).toEqual([[{ b: 2 }], 'SELECT']);
    const nothing = { rows: [], rowCount: 0, command: '', columns: [], columnTypes: [] };
    expect(await connection.query('')).toEqual(nothing);
    await connection.query('create table t (n int)');
    expect(await connection.query('insert into t values (1), (2)')).toMatchObject({
      rowCount: 2,
      command: 'INSERT',
    });
  });

  it('fails as one when one of several statements fails', async () => {
    await expect(connection.query('create table t (n int); select 1 / 0')).rejects.toMatchObject({
      code: 'VALUE_REFUSED',
      sqlstate: '22012',
    });
    expect(await db.sql(`select to_regclass('${db.schema}.t') as t`)).toEqual([{ t: null }]);
    await expectHealthy(connection);
  });

  it.each([
    ['select * from no_such_table', 'SQL_FAILED', '42P01'],
    ["select 'x'::int", 'VALUE_REFUSED', '22P02'],
    ["set statement_timeout = '20ms'; select pg_sleep(60)", 'STATEMENT_CANCELLED', '57014'],
    ['select pg_terminate_backend(pg_backend_pid())', 'CONNECTION_LOST', '57P01'],
  ])('%s becomes %s', async (sql, code, sqlstate) => {
    await expect(connection.query(sql)).rejects.toMatchObject({ code, sqlstate });
    expect(connection.isUsable).toBe(code !== 'CONNECTION_LOST');
  });

  it('keeps DETAIL, which quotes rows, out of the message', async () => {
    await connection.query('create table people (email text primary key)');
    await connection.query("insert into people values ('jane@example.com')");
    const error: unknown = await connection
      .query("insert into people values ('jane@example.com')")
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONSTRAINT_VIOLATED', sqlstate: '23505' });
    expect((error as Error).message).not.toContain('jane');
    expect(diagnosticsOf(error)).toMatchObject({
      detail: 'Key (email)=(jane@example.com) already exists.',
      table: 'people',
      constraint: 'people_pkey',
    });
  });

  it('cuts a message that quotes a long value', async () => {
    const failing = connection.query('select $1::text::int', ['9'.repeat(100_000)]);
    const { message } = (await failing.catch((error: unknown) => error)) as Error;
    expect(message.length).toBeLessThan(320);
  });

  it('says that a parameter is at fault, not the line', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await expect(connection.query('select $1::json', [circular])).rejects.toMatchObject({
      code: 'INTERNAL',
    });
    await expectHealthy(connection);
  });

  it('knows what the transaction has come to as soon as a statement has failed', async () => {
    await using holder = await startEndHolder(server);
    const far = await connected(
      `postgresql://${server.user}:${server.password}@127.0.0.1:${holder.port}/${db.database}?sslmode=disable`,
    );
    // The error travels ahead; ReadyForQuery, with the status, follows later.
    const failing = far.query('begin; select 1 / 0').catch(() => far.transactionStatus);
    await holder.holding();
    expect(far.transactionStatus).toBe('active');
    holder.release();
    expect(await failing).toBe('in-error');
  });

  it('is active while anything runs, and then what the server says', async () => {
    const running = connection.query('select 1');
    expect(connection.transactionStatus).toBe('active');
    expect(connection.status).toBe('querying');
    expect(connection.isProvenIdle).toBe(false);
    await running;
    expect(connection.transactionStatus).toBe('idle');
    expect(connection.status).toBe('ready');
    expect(connection.isProvenIdle).toBe(true);
    await connection.query('begin');
    expect(connection.transactionStatus).toBe('in-transaction');
    await expect(connection.query('select 1 / 0')).rejects.toThrow();
    expect(connection.transactionStatus).toBe('in-error');
    await connection.query('rollback');
  });

  it('waits for its turn, and an error before it is not its own', async () => {
    const warnings: Error[] = [];
    const collect = (warning: Error): void => void warnings.push(warning);
    process.on('warning', collect);
    const results = await Promise.allSettled([
      connection.query('select 1 as n'),
      connection.query('select 1 / 0'),
      connection.query('select 3 as n'),
      connection.query('select 4 as n'),
    ]);
    process.off('warning', collect);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(warnings).toEqual([]);
  });

  it('fails when the backend is killed, and the process lives', async () => {
    const pid = await backendOf(connection);
    const running = connection.query('select pg_sleep(60)');
    const failing = expect(running).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await terminate(db, pid);
    await failing;
    expect(connection.isUsable).toBe(false);
    await expect(connection.query('select 1')).rejects.toMatchObject({
      code: 'CONNECTION_UNUSABLE',
      cause: { code: 'CONNECTION_LOST' },
    });
  });

  it('hears of a backend that was killed while nothing ran', async () => {
    await terminate(db, await backendOf(connection));
    await waitFor('the connection to notice', () => !connection.isUsable);
    expect(connection.transactionStatus).toBe('unknown');
    expect(connection.status).toBe('lost');
    await connection.close();
    expect(connection.status).toBe('closed');
  });

  it.each(['reset', 'halfClose'] as const)('fails when the line ends by %s', async (how) => {
    const proxy = await startFaultProxy(server);
    const far = await connected(conninfoOf(db, proxy));
    const parked = proxy.parkQuery(/pg_sleep/);
    const failing = expect(far.query('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      retry: 'retry',
    });
    await parked.reached;
    if (how === 'reset') proxy.reset();
    else proxy.halfClose('toClient');
    await failing;
    expect(far.isUsable).toBe(false);
  });

  it('does not touch a session that it has given back', async () => {
    await connection.close();
    connection.destroy((await connection.query('x').catch((e: unknown) => e)) as never);
    expect(connection.isUsable).toBe(false);
  });
});
