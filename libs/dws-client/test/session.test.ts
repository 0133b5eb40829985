import { type FaultProxy, startFaultProxy, anyServer, useTestDatabase } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Connection, connect, diagnosticsOf, OID, Pool } from '../src/index.ts';
import { connected, conninfoOf, expectHealthy, lines } from './support/connected.ts';
import { COPY } from './support/copying.ts';
import { ENDLESS, readAll, SERIES } from './support/reading.ts';

describe.each(anyServer())('a session on $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  it('gets no BEGIN that was not asked for, whatever is done with it', async () => {
    await connection.query('select 1');
    await connection.query('select $1::int', [1]);
    await connection.queryAll('select 1; select 2');
    await connection.copyIn(COPY, (sink) => sink.write(lines(1, 3)));
    await connection.copyIn(COPY, () => Promise.reject(new Error('x'))).catch(() => undefined);
    await readAll(connection.copyOut(SERIES(3)));
    for await (const _ of connection.copyOut(ENDLESS)) break;
    for await (const _ of connection.stream('select 1')) break;
    await connection.query('select 1 / 0').catch(() => undefined);
    const running = connection.query('select pg_sleep(60)').catch(() => undefined);
    await connection.cancel();
    await running;
    await using pool = new Pool({ target: conninfoOf(db, proxy), reset: 'none' });
    await pool.query('select 1', [], { retryIdempotent: {} });
    expect(proxy.queries.filter((sql) => /begin|start|commit|rollback|savepoint|set /i.test(sql)))
      .toEqual([]); // prettier-ignore
    await connection.transaction(() => connection.query('select 1'));
    expect(proxy.queries.slice(-3)).toEqual(['BEGIN', 'select 1', 'COMMIT']);
  });

  it('gives the result of each of several statements', async () => {
    const results = await connection.queryAll(
      "insert into orders values (1), (2); select rid, 'x' as text from orders; ; update orders set rid = 0",
    );
    expect(results).toEqual([
      { command: 'INSERT', rowCount: 2, rows: [], columns: [], columnTypes: [] },
      {
        command: 'SELECT',
        rowCount: 2,
        rows: [
          { rid: 1, text: 'x' },
          { rid: 2, text: 'x' },
        ],
        columns: ['rid', 'text'],
        columnTypes: [
          { oid: OID.int4, modifier: -1 },
          { oid: OID.text, modifier: -1 },
        ],
      },
      { command: 'UPDATE', rowCount: 2, rows: [], columns: [], columnTypes: [] },
    ]);
    const failing = connection.queryAll('insert into orders values (3); select 1 / 0');
    await expect(failing).rejects.toMatchObject({ sqlstate: '22012' });
    expect((await connection.query('select count(*) as n from orders')).rows).toEqual([{ n: 2n }]);
  });

  it('takes back what it has given', async () => {
    const values = [
      [-9223372036854775808n, 'int8'],
      ['12345678901234567890.10', 'numeric'],
      ['2024-02-29', 'date'],
      ['2024-02-29 12:34:56.123456', 'timestamp'],
      ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'uuid'],
      [Buffer.from([0, 255, 0x5c, 10]), 'bytea'],
      [{ a: [1, null, 'ü'] }, 'jsonb'],
      [[1n, null, -2n], 'int8[]'],
      [['a,b', 'c"d\\e', null, 'NULL', ''], 'text[]'],
      [true, 'bool'],
      [null, 'text'],
    ] as const;
    const list = values.map(([, type], i) => `$${i + 1}::${type} as c${i}`).join(', ');
    const { rows } = await connection.query(
      `select ${list}`,
      values.map(([value]) => value),
    );
    expect(Object.values(rows[0] ?? {})).toEqual(values.map(([value]) => value));
  });

  it('reads a type in another way for one call alone', async () => {
    const sql = `select 1.50::numeric as n, '{"a":1}'::json as j, '{1,2}'::int8[] as many`;
    const readers = { [OID.numeric]: Number, [OID.json]: (text: string) => text.length };
    expect((await connection.query(sql, [], { readers })).rows).toEqual([
      { n: 1.5, j: 7, many: [1n, 2n] },
    ]);
    expect((await connection.query(sql)).rows).toEqual([
      { n: '1.50', j: { a: 1 }, many: [1n, 2n] },
    ]);
  });

  it('keeps the last notices and tells each, whoever fails to listen', async () => {
    const heard: string[] = [];
    connection.onNotice(() => {
      throw new Error('of the listener');
    });
    const stop = connection.onNotice(({ message }) => heard.push(message));
    await connection.query(
      `do $$ begin for i in 1..60 loop raise notice 'no %', i using hint = 'none'; end loop; end $$`,
    );
    stop();
    await connection.query(`do $$ begin raise warning 'last' using errcode = '01234'; end $$`);
    expect(heard).toHaveLength(60);
    expect(connection.notices).toHaveLength(50);
    expect(connection.notices.at(-2)).toMatchObject({ message: 'no 60', hint: 'none' });
    expect(connection.notices.at(-1)).toMatchObject({
      ...{ severity: 'WARNING', sqlstate: '01234', message: 'last' },
      context: expect.stringContaining('PL/pgSQL') as string,
    });
    await expectHealthy(connection);
  });

  it('says of an error in which phase it was, and all that the server says', async () => {
    const phaseOf = (failing: Promise<unknown>): Promise<unknown> =>
      failing.then(
        () => 'none',
        (error: unknown) => (error as { phase?: unknown }).phase,
      );
    const bad = (): Promise<unknown> => connection.query('select 1 / 0');
    expect(await phaseOf(bad())).toBe('query');
    expect(await phaseOf(connection.transaction(bad))).toBe('query');
    expect(await phaseOf(connection.stream('select 1 / 0').next())).toBe('stream');
    expect(await phaseOf(readAll(connection.copyOut('copy no_table to stdout')))).toBe('copy-out');
    expect(await phaseOf(connection.copyIn('copy no_table from stdin', async () => {}))).toBe(
      'copy-in',
    );
    const swallowed = connection.transaction(() => bad().catch(() => undefined));
    expect(await phaseOf(swallowed)).toBe('commit');
    expect(await phaseOf(connect({ target: 'host=127.0.0.1 port=1 user=x' }))).toBe('connect');
    await using pool = new Pool({ target: conninfoOf(db), max: 1, acquireTimeoutMs: 500 });
    await pool.withConnection(async () => {
      expect(await phaseOf(pool.connect())).toBe('pool');
    });
    await db.sql('alter table orders add constraint small check (rid < 10)');
    const error: unknown = await connection
      .query('insert into orders values (99)')
      .catch((reason: unknown) => reason);
    expect(diagnosticsOf(error)).toMatchObject({
      ...{ severity: 'ERROR', sqlstate: '23514', schema: db.schema, table: 'orders' },
      ...{ constraint: 'small', detail: 'Failing row contains (99).', file: 'execMain.c' },
      line: expect.any(Number) as number,
    });
    const typo: unknown = await connection.query('select 1 +').catch((reason: unknown) => reason);
    expect(diagnosticsOf(typo)).toMatchObject({ position: 11, sqlstate: '42601' });
  });
});
