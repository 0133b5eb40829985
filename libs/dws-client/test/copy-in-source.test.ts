import {
  copyProgress,
  type FaultProxy,
  openGate,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { connected, conninfoOf, countOf, expectHealthy, lines } from './support/connected.ts';
import { BLOCK, COPY, expectNothingStored, floodFeed, stuckFeed } from './support/copying.ts';

/** Far below any pause that would be noticed, far above what a busy machine needs for a chunk. */
const STALL_MS = 400;
const STALLED = { code: 'COPY_STALLED', retry: 'retry' };

describe.each(anyServer())('the source of a COPY to $name', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  it('may be a stream, or a generator of pieces of any size', async () => {
    const stream = Readable.from([lines(1, 5), lines(6, 10)]);
    expect(await connection.copyIn(COPY, stream)).toBe(10);
    async function* pieces(): AsyncGenerator<Buffer> {
      for (const byte of lines(11, 400)) yield Buffer.from([byte]);
      await Promise.resolve();
      for (let i = 0; i < 20; i += 1) yield BLOCK;
      yield Buffer.alloc(0);
      yield Buffer.concat(Array.from({ length: 200 }, () => BLOCK));
      yield Buffer.from('7');
    }
    expect(await connection.copyIn(COPY, pieces())).toBe(390 + 220 * 9_362 + 1);
    expect(await countOf(db, 'orders')).toBe(400 + 220 * 9_362 + 1);
    await expectHealthy(connection);
  });

  it('may be empty', async () => {
    expect(await connection.copyIn(COPY, Readable.from([]))).toBe(0);
  });

  it('may be a larger piece than a message can be', async () => {
    await db.sql('create table blobs (text text)');
    const large = Buffer.alloc(40 * 1024 * 1024, 'x');
    expect(await connection.copyIn('copy blobs from stdin', Readable.from([large]))).toBe(1);
    expect(await db.sql('select length(text) as n from blobs')).toEqual([{ n: large.length }]);
  });

  it('that fails is the reason, and nothing is stored', async () => {
    const reason = new Error('of the source');
    async function* failing(): AsyncGenerator<Buffer> {
      yield BLOCK;
      await Promise.resolve();
      throw reason;
    }
    await expect(connection.copyIn(COPY, failing())).rejects.toBe(reason);
    await expectNothingStored(db, connection);
    expect(connection.isUsable).toBe(true);
  });

  it('is ended when the server refuses', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          await Promise.resolve();
          yield Buffer.from('x\n');
        }
      } finally {
        ended = true;
      }
    }
    await expect(connection.copyIn(COPY, endless())).rejects.toMatchObject({ sqlstate: '22P02' });
    expect(ended).toBe(true);
    await expectHealthy(connection);
  });

  it('is not waited for when it is stuck', async () => {
    const stuck = stuckFeed();
    async function* silent(): AsyncGenerator<Buffer> {
      yield BLOCK;
      await stuck.feed();
    }
    const controller = new AbortController();
    const failing = expect(
      connection.copyIn(COPY, silent(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await waitFor('the COPY', () => copyProgress(db, 'orders'));
    controller.abort();
    await failing;
    await expectNothingStored(db, connection);
  });

  it('F19: that is silent for too long ends the COPY, which the server itself would not', async () => {
    await connection.query(`set statement_timeout = ${STALL_MS / 4}`);
    const failing = connection.copyIn(
      COPY,
      async (sink) => {
        await sink.write(BLOCK);
        await stuckFeed().feed();
      },
      { stallTimeoutMs: STALL_MS },
    );
    await expect(failing).rejects.toMatchObject({
      ...STALLED,
      message: `The source made no progress for ${STALL_MS} ms`,
    });
    await connection.query('reset statement_timeout');
    await expectNothingStored(db, connection);
    expect(connection.isUsable).toBe(true);
  });

  it('that gives little, but goes on, is not stopped', async () => {
    const start = performance.now();
    const stored = await connection.copyIn(
      COPY,
      async (sink) => {
        while (performance.now() - start < 2.5 * STALL_MS) {
          await sink.write(lines(1, 1));
          await db.sql('select pg_sleep(0.02)');
        }
      },
      { stallTimeoutMs: STALL_MS },
    );
    expect(stored).toBeGreaterThan(3);
  });

  it('F16: writes into a black hole only for so long', async () => {
    const failing = connection.copyIn(
      COPY,
      async (sink) => {
        await sink.write(BLOCK);
        hole = proxy.blackHole();
        await floodFeed(sink);
      },
      { stallTimeoutMs: STALL_MS },
    );
    let hole: ReturnType<FaultProxy['blackHole']> | undefined;
    await expect(failing).rejects.toMatchObject({
      ...STALLED,
      message: `The server made no progress for ${STALL_MS} ms`,
    });
    expect(connection.isUsable).toBe(false);
    hole?.release();
    await expectNothingStored(db, connection);
  });

  it('writes to a server that waits for a lock only for so long', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const options = { stallTimeoutMs: STALL_MS };
    await expect(connection.copyIn(COPY, floodFeed, options)).rejects.toMatchObject(STALLED);
    expect(connection.isUsable).toBe(true);
    await expectNothingStored(db, connection);
    await gate.release();
  });

  it('has done its part at CopyDone: what the server then takes is its own affair', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 3 });
    const options = { stallTimeoutMs: 50 };
    const copying = connection.copyIn(COPY, (sink) => sink.write(lines(1, 3)), options);
    await gate.reached();
    const parkedAt = performance.now();
    await waitFor('more than its patience', () => performance.now() - parkedAt > 200);
    await gate.release();
    expect(await copying).toBe(3);
  });
});
