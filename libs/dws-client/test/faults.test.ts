import {
  copyProgress,
  type FaultProxy,
  loginRole,
  startFaultProxy,
  testServers,
  useTestDatabase,
  waitFor,
  within,
} from '@copyline/testkit';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';

import { connect, type RetryEvent } from '../src/index.ts';
import {
  backendOf,
  connected,
  conninfoOf,
  countOf,
  expectHealthy,
  gone,
  lines,
} from './support/connected.ts';
import { BLOCK, COPY } from './support/copying.ts';
import { ENDLESS, readAll, SERIES } from './support/reading.ts';

const LOST = { code: 'CONNECTION_LOST', retry: 'retry' };
const FAST = { attempts: 200, baseDelayMs: 5, maxDelayMs: 50 };

describe.each(testServers())('on the way to $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    await db.sql('create table orders (rid int)');
  });

  it.each(['reset', 'halfClose'] as const)(
    'F15 and F17: a %s amid a COPY TO is told as such',
    async (how) => {
      const connection = await connected(conninfoOf(db, proxy));
      const pid = await backendOf(connection);
      const reading = (async () => {
        for await (const _ of connection.copyOut(ENDLESS)) {
          if (how === 'reset') proxy.reset();
          else proxy.halfClose('toClient');
        }
      })();
      await expect(within('the end', reading)).rejects.toMatchObject(LOST);
      expect(connection.status).toBe('lost');
      proxy.reset();
      await gone(db, pid);
    },
  );

  it('F16: a black hole amid a COPY TO is found by its limit', async () => {
    const connection = await connected(conninfoOf(db, proxy));
    let hole: ReturnType<FaultProxy['blackHole']> | undefined;
    const reading = (async () => {
      const options = { stallTimeoutMs: 300, drainTimeoutMs: 300 };
      for await (const _ of connection.copyOut(ENDLESS, options)) hole ??= proxy.blackHole();
    })();
    await expect(within('the end', reading)).rejects.toMatchObject({ code: 'COPY_STALLED' });
    expect(connection.isUsable).toBe(false);
    hole?.release();
  });

  it.each([
    ['200 ms long', (): void => proxy.delay(100)],
    ['that loses one packet in twenty', (): void => proxy.lose(20)],
    ['of 64 kB a second', (): void => proxy.throttle(64_000)],
  ] as const)('F18: a line %s changes nothing but the time', async (_, worsen) => {
    const connection = await connected(conninfoOf(db, proxy));
    worsen();
    const options = { stallTimeoutMs: 5_000 };
    await connection.transaction(async () => {
      const copying = connection.copyIn(COPY, (sink) => sink.write(lines(1, 10_000)), options);
      expect(await copying).toBe(10_000);
      const read = await readAll(connection.copyOut('copy orders to stdout', options));
      expect(read).toBe(lines(1, 10_000).toString());
      for await (const _ of connection.copyOut(SERIES(10_000), options)) break;
      await connection.query('delete from orders where rid > 10');
    });
    await expectHealthy(connection);
    expect(await countOf(db, 'orders')).toBe(10);
  });

  it('F18: a line of 64 kB a second holds the source back', async () => {
    const connection = await connected(conninfoOf(db, proxy));
    const controller = new AbortController();
    let taken = 0;
    const source = async function* (): AsyncGenerator<Buffer> {
      for (; ; taken += BLOCK.length) yield await Promise.resolve(BLOCK);
    };
    proxy.throttle(64_000);
    const { signal } = controller;
    const options = { signal, stallTimeoutMs: 30_000 };
    const failing = expect(connection.copyIn(COPY, source(), options)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    const arrived = waitFor('a block to arrive', async () => {
      const progress = await copyProgress(db, 'orders');
      return (progress?.bytesProcessed ?? 0) >= BLOCK.length;
    });
    await arrived;
    // What the system keeps for two sockets, which does not grow with the source.
    expect(taken).toBeLessThan(32 * 1024 * 1024);
    proxy.throttle(0);
    controller.abort();
    await failing;
    await expectHealthy(connection);
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it.each([1, 7])('F18: bytes that come %i at a time are read right', async (bytes) => {
    const connection = await connected(conninfoOf(db, proxy));
    proxy.slice(bytes);
    expect(await connection.copyIn(COPY, (sink) => sink.write(lines(1, 2_000)))).toBe(2_000);
    for (const rowAligned of [false, true]) {
      const read = await readAll(connection.copyOut('copy orders to stdout', { rowAligned }));
      expect(createHash('md5').update(read).digest('hex')).toBe(
        createHash('md5').update(lines(1, 2_000)).digest('hex'),
      );
    }
    for await (const _ of connection.copyOut(SERIES(500))) break;
    for await (const _ of connection.stream('select i from generate_series(1, 500) i')) break;
    proxy.slice(0);
    await expectHealthy(connection);
  });

  it('F33: a server that is full is asked again later', async () => {
    await loginRole(db, 'crowd', 'crowd');
    await db.sql('alter role crowd connection limit 1');
    await db.sql(`grant all on schema ${db.schema} to crowd`);
    const target = new URL(conninfoOf(db));
    target.username = target.password = 'crowd';
    const first = await connect({ target: target.href });
    const errors: unknown[] = [];
    const observe = ({ error }: RetryEvent): void => {
      errors.push(error);
      void first.close();
    };
    const second = await connect({ target: target.href, retry: { ...FAST, observe } });
    expect(errors[0]).toMatchObject({ code: 'CONNECT_FAILED', sqlstate: '53300', retry: 'retry' });
    const pid = await backendOf(second);
    await second.close();
    await gone(db, pid);
  });
});
