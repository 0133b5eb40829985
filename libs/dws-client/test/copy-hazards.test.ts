/**
 * What pg-copy-streams and node-postgres do when a COPY does not end well, each reproduced once with
 * them alone: sixteen ways to a connection that hangs, lies or ends the process. Here each of them is
 * tried through the driver.
 */
import {
  type FaultProxy,
  openGate,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
  within,
} from '@copyline/testkit';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { type Connection, Pool } from '../src/index.ts';
import { CopyOutChannel } from '../src/wire/copy-out-channel.ts';
import {
  backendOf,
  connected,
  conninfoOf,
  countOf,
  expectHealthy,
  lines,
  terminate,
} from './support/connected.ts';
import { BLOCK, COPY, floodFeed } from './support/copying.ts';
import { ENDLESS, readAll, series, SERIES } from './support/reading.ts';

describe.each(anyServer())('the hazards of COPY on $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    const stray: unknown[] = [];
    const collect = (error: unknown): void => void stray.push(error);
    process.on('uncaughtException', collect).on('unhandledRejection', collect);
    onTestFinished(() => {
      process.off('uncaughtException', collect).off('unhandledRejection', collect);
      expect(stray).toEqual([]);
    });
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  it('A: a COPY TO that is left early does not hang the connection, nor its pool', async () => {
    await using pool = new Pool({ target: conninfoOf(db), max: 1, acquireTimeoutMs: 5_000 });
    for (let i = 0; i < 3; i += 1) {
      await pool.withConnection(async (each) => {
        for await (const _ of each.copyOut(ENDLESS)) break;
        await expectHealthy(each);
      });
    }
    await pool.query('select 1');
  });

  it('B: a refusal in the middle of a source is the error, and the connection goes on', async () => {
    await expect(
      connection.copyIn(COPY, async (sink) => {
        await sink.write(Buffer.from('x\n'));
        await floodFeed(sink);
      }),
    ).rejects.toMatchObject({ code: 'VALUE_REFUSED' });
    await expectHealthy(connection);
  });

  it('B2: an abort after a refusal is no second error', async () => {
    const controller = new AbortController();
    const failing = connection.copyIn(
      COPY,
      async (sink) => {
        await sink.write(Buffer.from('x\n')).catch(() => undefined);
        await sink.write(BLOCK).catch(() => {
          controller.abort();
        });
        controller.abort();
      },
      { signal: controller.signal },
    );
    await expect(failing).rejects.toThrow();
    await expectHealthy(connection);
  });

  it('C: an error before the server begins to copy ends the COPY both ways', async () => {
    const refused = { sqlstate: '42P01' };
    const copying = connection.copyIn('copy no_such_table from stdin', floodFeed);
    await expect(within('the refusal', copying)).rejects.toMatchObject(refused);
    const reading = readAll(connection.copyOut('copy no_such_table to stdout'));
    await expect(within('the refusal', reading)).rejects.toMatchObject(refused);
    await expectHealthy(connection);
  });

  it('D: giving up is told with the reason, never with the 57014 that it provokes', async () => {
    const reason = new Error('enough');
    await expect(connection.copyIn(COPY, () => Promise.reject(reason))).rejects.toBe(reason);
    const reading = (async () => {
      for await (const _ of connection.copyOut(ENDLESS)) throw reason;
    })();
    await expect(reading).rejects.toBe(reason);
    await expectHealthy(connection);
  });

  it('E: an abort after CopyDone is answered with what the server did', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 5 });
    const controller = new AbortController();
    const { signal } = controller;
    const copying = connection.copyIn(COPY, (sink) => sink.write(lines(1, 5)), { signal });
    await gate.reached();
    controller.abort();
    await gate.release();
    const outcome = await copying.catch((error: unknown) => error);
    expect([5, 0]).toContain(await countOf(db, 'orders'));
    if (outcome === 5) expect(await countOf(db, 'orders')).toBe(5);
    else {
      expect(outcome).toMatchObject({ code: 'INTERRUPTED' });
      expect(await countOf(db, 'orders')).toBe(0);
    }
    await expectHealthy(connection);
  });

  it('F and G (F31): a time limit ends a COPY in order, and is off when it has ended', async () => {
    const options = { stallTimeoutMs: 300 };
    const out = connection.copyOut('copy (select pg_sleep(60)) to stdout', options);
    await expect(readAll(out)).rejects.toMatchObject({ code: 'COPY_STALLED' });
    await expectHealthy(connection);
    const copying = connection.copyIn(COPY, () => new Promise(() => undefined), options);
    await expect(copying).rejects.toMatchObject({ code: 'COPY_STALLED' });
    await expectHealthy(connection);
    expect(await readAll(connection.copyOut(SERIES(3), options))).toBe('1\n2\n3\n');
    expect(await connection.copyIn(COPY, (sink) => sink.write(lines(1, 3)), options)).toBe(3);
    await expectHealthy(connection);
  });

  it('H: the count is there and the server ready when the last byte has been read', async () => {
    const parked = proxy.parkMessage(/^copy/, 'C');
    const out = connection.copyOut(SERIES(1000));
    const reading = readAll(out);
    await parked.reached;
    expect(connection.status).toBe('copying-out');
    expect(out.rowCount).toBeUndefined();
    parked.release();
    expect(await reading).toBe(series(1, 1000));
    expect(out.rowCount).toBe(1000);
    await expectHealthy(connection);
  });

  it('I: a COPY that is given up while it waits for its turn never starts', async () => {
    const controller = new AbortController();
    const before = connection.query('select pg_sleep(0.1)');
    const { signal } = controller;
    const copying = connection.copyIn(COPY, floodFeed, { signal });
    controller.abort();
    await expect(copying).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await before;
    await expectHealthy(connection);
    expect(proxy.queries.filter((sql) => sql.startsWith('copy'))).toEqual([]);
  });

  it('J: a second reader of the socket is an error with a name, and the session goes on', async () => {
    const client = await db.client();
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    const tap = (): void => undefined;
    stream.on('data', tap);
    const channel = new CopyOutChannel(client, SERIES(3), false);
    await expect(channel.next()).rejects.toMatchObject({ code: 'INTERNAL' });
    stream.off('data', tap);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('K: a line that breaks in the middle of a COPY TO is an error, and not the last word', async () => {
    const pid = await backendOf(connection);
    const reading = (async () => {
      for await (const _ of connection.copyOut(ENDLESS)) await terminate(db, pid);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CONNECTION_LOST', retry: 'retry' });
    expect(connection.status).toBe('lost');
    const other = await connected(conninfoOf(db, proxy));
    const cut = proxy.cutAfterBytes('toClient', 1_000_000);
    await expect(readAll(other.copyOut(ENDLESS))).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    });
    await cut.reached;
  });

  it('L and M: no way leads to a COPY in a pipeline, or on a pool without a connection', () => {
    // Neither is an error at run time: there is no such option, and no such method.
    const pool = new Pool({ target: conninfoOf(db) });
    expect('copyIn' in pool || 'copyOut' in pool).toBe(false);
  });

  it('N: what came before an error of the server is not lost', async () => {
    let text = '';
    const reading = (async () => {
      const statement = 'copy (select 1 / (9 - i) from generate_series(1, 10) i) to stdout';
      for await (const piece of connection.copyOut(statement)) text += piece.toString();
    })();
    await expect(reading).rejects.toMatchObject({ sqlstate: '22012' });
    expect(text).toBe('0\n'.repeat(7) + '1\n');
  });

  it('O: a refusal that comes while the writer is held back ends the writer', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const pid = await backendOf(connection);
    const copying = expect(connection.copyIn(COPY, floodFeed)).rejects.toMatchObject({
      code: 'STATEMENT_CANCELLED',
    });
    await gate.reached();
    await waitFor('the writer to be held back', () => connection.status === 'copying-in');
    await db.sql('select pg_cancel_backend($1)', [pid]);
    await copying;
    await gate.release();
    await expectHealthy(connection);
  });

  it('P: many small pieces of a generator travel as few messages', async () => {
    async function* rows(): AsyncGenerator<Buffer> {
      await Promise.resolve();
      for (let i = 1; i <= 20_000; i += 1) yield Buffer.from(`${i}\n`);
    }
    expect(await connection.copyIn(COPY, rows())).toBe(20_000);
    expect(proxy.messages('toServer', 'd')).toBeLessThan(5);
  });
});
