import { type FaultProxy, startFaultProxy, testServers, useTestDatabase } from '@copyline/testkit';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { connected, conninfoOf, expectHealthy, statementsOf } from './support/connected.ts';
import { ENDLESS, heldBack, readAll, series, SERIES } from './support/reading.ts';

describe.each(testServers())('COPY TO STDOUT from $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
  });

  it('gives the data and the count of the server', async () => {
    const out = connection.copyOut(SERIES(100_000));
    expect(out.rowCount).toBeUndefined();
    expect(await readAll(out)).toBe(series(1, 100_000));
    expect(out.rowCount).toBe(100_000);
    await expectHealthy(connection);
  });

  it('gives nothing, when there is nothing', async () => {
    const out = connection.copyOut(SERIES(0));
    expect(await readAll(out)).toBe('');
    expect(out.rowCount).toBe(0);
  });

  it('gives the same bytes in whole rows, also rows larger than any buffer', async () => {
    const rows = `select repeat(md5(i::text), (i * 37) % 5000) from generate_series(1, 300) i
                  union all select repeat('y', 3000000) union all select ''`;
    const plain = createHash('md5');
    for await (const piece of connection.copyOut(`copy (${rows}) to stdout`)) plain.update(piece);
    const aligned = createHash('md5');
    let pieces = 0;
    const out = connection.copyOut(`copy (${rows}) to stdout`, { rowAligned: true });
    for await (const piece of out) {
      expect(piece.at(-1)).toBe(0x0a);
      aligned.update(piece);
      pieces += 1;
    }
    expect(aligned.digest('hex')).toBe(plain.digest('hex'));
    expect(out.rowCount).toBe(302);
    expect(pieces).toBeLessThan(302);
  });

  it('tells where rows end, however the bytes arrive, and how many have come', async () => {
    const rows = `select i, repeat(E'a\\n"b', (i * 7919) % 9000) from generate_series(0, 400) i`;
    const out = connection.copyOut(`copy (${rows}) to stdout (format csv)`, { rowAligned: true });
    let count = 0;
    for await (const piece of out) {
      let start = 0;
      for (const end of out.rowEnds) {
        expect(piece.subarray(start, end).toString()).toMatch(new RegExp(`^${String(count)},`));
        expect(piece[end - 1]).toBe(0x0a);
        start = end;
        count += 1;
      }
      expect(start).toBe(piece.length);
      expect(out.rowsReceived).toBeGreaterThanOrEqual(count);
    }
    expect({ count, received: out.rowsReceived }).toEqual({ count: 401, received: 401 });
  });

  it('gives COPY BINARY byte for byte', async () => {
    const pieces: Buffer[] = [];
    const statement =
      'copy (select i::int8 from generate_series(1, 1000) i) to stdout (format binary)';
    for await (const piece of connection.copyOut(statement)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    expect(bytes.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0');
    expect(bytes.length).toBe(19 + 1000 * 14 + 2);
    expect(bytes.readBigInt64BE(19 + 999 * 14 + 6)).toBe(1000n);
  });

  it('does not hold more than its bounds while nobody reads', async () => {
    const iterator = connection.copyOut(ENDLESS)[Symbol.asyncIterator]();
    await iterator.next();
    await heldBack(db); // the server waits, for the client has stopped to read
    let bytes = 0;
    for await (const piece of iterator) bytes += piece.length;
    expect(bytes).toBeGreaterThan(99_000_000);
    await expectHealthy(connection);
  });

  it('says what it is doing, and lets nobody in', async () => {
    await connection.query('begin');
    for await (const _ of connection.copyOut(SERIES(10))) {
      expect(connection.status).toBe('copying-out');
      expect(connection.transactionStatus).toBe('active');
      expect(connection.isProvenIdle).toBe(false);
      await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(() => connection.copyOut(SERIES(1))).toThrow('A COPY is running');
    }
    expect(connection.status).toBe('ready');
    expect(connection.transactionStatus).toBe('in-transaction');
    await connection.query('rollback');
    await expectHealthy(connection);
  });

  it('waits for a statement before it, and is read only once', async () => {
    const before = connection.query('select pg_sleep(0.05)');
    const out = connection.copyOut(SERIES(2));
    expect(await readAll(out)).toBe('1\n2\n');
    await before;
    await expect(readAll(out)).rejects.toMatchObject({ code: 'INTERNAL' });
    await expectHealthy(connection);
  });

  it('sends nothing before it is read', async () => {
    connection.copyOut(SERIES(2));
    await connection.query('select 1');
    expect(statementsOf(proxy)).toEqual(['select 1']);
  });

  it('keeps what the server says in between', async () => {
    await db.sql(
      `create function chatty(i int) returns int language plpgsql as
       $$ begin if i % 1000 = 0 then raise notice 'at %', i; end if; return i; end $$`,
    );
    const heard: string[] = [];
    const stop = connection.onNotice((notice) => heard.push(notice.message));
    const out = connection.copyOut(
      'copy (select chatty(i) from generate_series(1, 3000) i) to stdout',
    );
    expect(await readAll(out)).toBe(series(1, 3000));
    expect(heard).toEqual(['at 1000', 'at 2000', 'at 3000']);
    expect(connection.notices.map(({ message }) => message)).toEqual(heard);
    stop();
  });

  it('gives what came before an error of the server, then the error', async () => {
    const seen: string[] = [];
    const reading = (async () => {
      const statement = 'copy (select 1 / (50000 - i) from generate_series(1, 60000) i) to stdout';
      for await (const piece of connection.copyOut(statement)) seen.push(piece.toString());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'VALUE_REFUSED', sqlstate: '22012' });
    expect(seen.join('').split('\n').length).toBeGreaterThan(10_000);
    await expectHealthy(connection);
  });

  it('fails before its first byte without harm', async () => {
    const reading = readAll(connection.copyOut('copy no_such_table to stdout'));
    await expect(reading).rejects.toMatchObject({ sqlstate: '42P01' });
    await expectHealthy(connection);
  });

  // The face has no COPY under a savepoint: for it the next one holds.
  it.skipIf(server.isFace)('leaves the transaction as it was when the server refuses', async () => {
    await connection.transaction(async () => {
      await connection.query('create temporary table marker (id int)');
      const reading = readAll(connection.copyOut('copy no_such_table to stdout'));
      await expect(reading).rejects.toMatchObject({ sqlstate: '42P01' });
      expect(connection.transactionStatus).toBe('in-transaction');
      await connection.query('insert into marker values (1)');
    });
    const { rows } = await connection.query('select id from marker');
    expect(rows).toEqual([{ id: 1 }]);
  });

  it('fails with its transaction when no savepoint is wanted, or possible', async () => {
    const failing = connection.transaction(async () => {
      const options = server.isFace ? {} : { savepoint: false };
      const out = connection.copyOut('copy no_such_table to stdout', options);
      await expect(readAll(out)).rejects.toMatchObject({ sqlstate: '42P01' });
      expect(connection.transactionStatus).toBe('in-error');
    });
    await expect(failing).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
    expect(statementsOf(proxy)).toEqual(['BEGIN', 'copy no_such_table to stdout', 'COMMIT']);
  });

  it.each([
    'select 1',
    'copy orders from stdin',
    "copy orders to '/tmp/x'",
    "copy orders to program 'cat'",
    'copy orders to stdout; select 1',
    'begin; copy orders to stdout',
    '',
  ])('refuses everything else, before it is sent: %s', async (statement) => {
    expect(() => connection.copyOut(statement)).toThrow('copyOut takes one COPY');
    await expectHealthy(connection);
    expect(statementsOf(proxy)).toEqual(['select 1 as one']);
  });

  it('goes from one connection to another, at the pace of the slower', async () => {
    const other = await connected(conninfoOf(db));
    await db.sql('create table orders (i int)');
    const stored = await other.copyIn(
      'copy orders from stdin',
      connection.copyOut(SERIES(200_000)),
    );
    expect(stored).toBe(200_000);
    expect(await db.sql('select sum(i) as s from orders')).toEqual([{ s: 20_000_100_000n }]);
  });
});
