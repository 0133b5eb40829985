import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type FaultProxy,
  openGate,
  startFaultProxy,
  anyPostgres,
  useTestDatabase,
  waitFor,
  within,
} from '../src/index.ts';
import { openClient } from '../src/databases/sql-client.ts';
import { copyFrom } from './copy-from.ts';

describe.each(anyPostgres())('the line to $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
  });

  async function connected(): Promise<pg.Client> {
    const client = await openClient(proxy.url(db), db.schema);
    onTestFinished(() => client.end());
    return client;
  }

  it('carries everything unchanged, both ways', async () => {
    const client = await connected();
    const text = 'ü'.repeat(2_000_000);
    const { rows } = await client.query<{ text: string }>('select $1::text as text', [text]);
    expect(rows[0]?.text === text).toBe(true);
    await client.query('create table orders (rid bigint, note text)');
    const lines = Array.from({ length: 50_000 }, (_, rid) => Buffer.from(`${rid}\tnote\n`));
    await pipeline(Readable.from(lines), copyFrom(client, 'copy orders from stdin'));
    const { rows: all } = await client.query('select * from orders');
    expect(all).toHaveLength(50_000);
    await client.end();
    await waitFor('no connection', () => proxy.connections === 0);
  });

  it('passes the refusal of TLS on, and the session after it', async () => {
    const socket = connect(proxy.port, proxy.host);
    onTestFinished(() => void socket.destroy());
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    const [answer] = (await within('an answer', once(socket, 'data'))) as [Buffer];
    expect(answer.toString()).toBe('N');
    const startup = Buffer.from(`\0\0\0\0\0\x03\0\0user\0${server.user}\0\0`);
    startup.writeInt32BE(startup.length, 0);
    socket.write(startup);
    const [request] = (await within('a request', once(socket, 'data'))) as [Buffer];
    expect(String.fromCharCode(request[0] ?? 0)).toBe('R');
  });

  it('is cut after a number of bytes towards the server, in the middle of a COPY', async () => {
    const client = await connected();
    await client.query('create table orders (rid bigint)');
    const cut = proxy.cutAfterBytes('toServer', 100_000);
    const lines = Readable.from(
      Array.from({ length: 100 }, () => Buffer.from('1\n'.repeat(5_000))),
    );
    const copying = pipeline(lines, copyFrom(client, 'copy orders from stdin'));
    const failing = expect(copying).rejects.toThrow();
    await cut.reached;
    await failing;
    await waitFor('no connection', () => proxy.connections === 0);
    expect(await db.sql('select from orders')).toEqual([]);
    await connected();
  });

  it.each([0, 1, 2_000])('is cut after exactly %i bytes towards the client', async (bytes) => {
    const client = await connected();
    const { stream } = client.connection as unknown as { stream: Socket };
    const before = stream.bytesRead;
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const cut = proxy.cutAfterBytes('toClient', bytes);
    await expect(client.query(`select repeat('x', 100000)`)).rejects.toThrow();
    await cut.reached;
    await within('the socket to close', closed);
    expect(stream.bytesRead - before).toBe(bytes);
  });

  it('is reset while a COPY is parked', async () => {
    const client = await connected();
    await client.query('create table orders (rid bigint)');
    const gate = await openGate(db, 'orders', { column: 'rid', at: 2 });
    const lines = Readable.from([Buffer.from('1\n2\n3\n')]);
    const copying = pipeline(lines, copyFrom(client, 'copy orders from stdin'));
    const failing = expect(copying).rejects.toThrow(/ECONNRESET|terminated/);
    const pid = await gate.reached();
    proxy.reset();
    await failing;
    // The server learns of it when it next talks to the client.
    await gate.release();
    await waitFor('the backend to go', async () => {
      const left = await db.sql('select from pg_stat_activity where pid = $1', [pid]);
      return left.length === 0;
    });
  });

  it('ends in order in one direction only', async () => {
    const client = await connected();
    const ended = new Promise((resolve) => client.once('error', resolve));
    proxy.halfClose('toClient');
    expect(String(await within('the end', ended))).toContain('terminated unexpectedly');

    const other = await connected();
    const cut = proxy.halfCloseAfterBytes('toServer', 3);
    await expect(other.query('select 1')).rejects.toThrow();
    await cut.reached;
  });

  it('refuses new connections and keeps the old ones', async () => {
    const client = await connected();
    proxy.refuse();
    proxy.refuse();
    await expect(connected()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await proxy.accept();
    await proxy.accept();
    await connected();
    expect(proxy.connections).toBe(2);
  });

  it('takes new connections and says nothing', async () => {
    await proxy.acceptAndHang();
    const client = new pg.Client({ connectionString: proxy.url(db), connectionTimeoutMillis: 100 });
    client.on('error', () => undefined);
    await expect(client.connect()).rejects.toThrow(/timeout/);
    await proxy.accept();
    await connected();
  });

  it('swallows everything in a black hole, ends included, until it is lifted', async () => {
    const client = await connected();
    const other = await connected();
    const hole = proxy.blackHole();
    let answered = false;
    const answer = client.query('select 1 as one').finally(() => (answered = true));
    other.connection.stream.destroy();
    // Round trips past the proxy, later than the query: it had its chance.
    for (let trip = 0; trip < 20; trip++) await db.sql('select 1');
    expect(answered).toBe(false);
    expect(proxy.connections).toBe(2);
    hole.release();
    expect((await answer).rows).toEqual([{ one: 1 }]);
    await waitFor('the other end to be seen', () => proxy.connections === 1);
  });

  it('is slow without being narrow', async () => {
    const client = await connected();
    proxy.delay(60);
    const start = performance.now();
    await client.query('select 1');
    expect(performance.now() - start).toBeGreaterThanOrEqual(110);
    const { rows } = await client.query<{ text: string }>(
      `select repeat('x', 8 * 1024 * 1024) as text`,
    );
    expect(rows[0]?.text).toHaveLength(8 * 1024 * 1024);
    proxy.delay(0);
  });

  it.each([
    ['is narrow', (): void => proxy.throttle(100_000)],
    ['loses packets, and sends them again in order', (): void => proxy.lose(20)],
  ] as const)('%s', async (_, worsen) => {
    const client = await connected();
    const sql = `select string_agg(i::text, '' order by i) as text from generate_series(1, 12000) i`;
    const ask = async (): Promise<string | undefined> =>
      (await client.query<{ text: string }>(sql)).rows[0]?.text;
    const right = await ask();
    worsen();
    const start = performance.now();
    expect(await ask()).toBe(right);
    // About 49 kB: half a second of a narrow line, and one packet lost on a bad one.
    expect(performance.now() - start).toBeGreaterThan(150);
  });

  it('holds a cancel request until the query has gone', async () => {
    const client = await connected();
    const parked = proxy.parkCancel();
    const { processID, secretKey } = client as unknown as Record<string, number>;
    const canceller = connect(proxy.port, proxy.host);
    const request = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((part, at) =>
      request.writeInt32BE(part ?? 0, at * 4),
    );
    canceller.end(request);
    const done = new Promise((resolve) => canceller.once('close', resolve));
    await parked.reached;
    await client.query('select 1');
    const sleeping = expect(client.query('select pg_sleep(30)')).rejects.toMatchObject({
      code: '57014',
    });
    await waitFor('the innocent query to run', async () => {
      const running = await db.sql(
        `select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`,
        [processID],
      );
      return running.length > 0;
    });
    parked.release();
    await sleeping;
    await within('the end of the cancel connection', done);
  });

  it('closes with everything that is open', async () => {
    const client = await connected();
    const parked = proxy.parkQuery(/select/);
    const failing = expect(client.query('select 1')).rejects.toThrow();
    await parked.reached;
    await proxy.close();
    await failing;
    expect(proxy.connections).toBe(0);
    await expect(connected()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
