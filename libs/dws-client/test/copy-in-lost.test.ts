import {
  commitGate,
  copyProgress,
  type FaultProxy,
  openGate,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import {
  backendOf,
  connected,
  conninfoOf,
  countOf,
  gone,
  lines,
  terminate,
} from './support/connected.ts';
import { BLOCK, COPY, expectNothingStored, floodFeed, stuckFeed } from './support/copying.ts';

const LOST = { code: 'CONNECTION_LOST', retry: 'retry' };
const UNKNOWN = { code: 'COMMIT_UNKNOWN', commitState: 'unknown', retry: 'resolve' };

describe.each(anyServer())('a COPY to $name that loses its line', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  const copying = async (): Promise<void> => {
    await waitFor('the COPY', () => copyProgress(db, 'orders'));
  };

  it('F7: is told when its backend is terminated, whatever it is doing', async () => {
    const pid = await backendOf(connection);
    const failing = expect(
      connection.copyIn(COPY, async (sink) => {
        await sink.write(BLOCK);
        await copying();
        await terminate(db, pid);
        await floodFeed(sink);
      }),
    ).rejects.toMatchObject(LOST);
    await failing;
    expect(connection.isUsable).toBe(false);
    await expectNothingStored(db, connection);
  });

  it('F7: is told while its source says nothing', async () => {
    const pid = await backendOf(connection);
    const { feed } = stuckFeed();
    const failing = expect(connection.copyIn(COPY, feed)).rejects.toMatchObject({
      ...LOST,
      sqlstate: '57P01',
    });
    await copying();
    await terminate(db, pid);
    await failing;
    await expectNothingStored(db, connection);
  });

  it('F15: is told when the line is cut in the middle of the data', async () => {
    const cut = proxy.cutAfterBytes('toServer', 1_000_000);
    const failing = connection.transaction(() => connection.copyIn(COPY, floodFeed));
    await expect(failing).rejects.toMatchObject({ ...LOST, commitState: 'rolled_back' });
    await cut.reached;
    await expectNothingStored(db, connection);
  });

  it('F17: is told of an end in order, also behind data that cannot leave', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const failing = expect(connection.copyIn(COPY, floodFeed)).rejects.toMatchObject(LOST);
    const pid = await gate.reached();
    proxy.halfClose('toClient');
    await failing;
    proxy.reset();
    await gate.release();
    await gone(db, pid);
    await expectNothingStored(db, connection);
  });

  it('F16: ends in bounded time in a black hole, once it is aborted', async () => {
    const controller = new AbortController();
    const pid = await backendOf(connection);
    const failing = expect(
      connection.copyIn(COPY, floodFeed, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await copying();
    const hole = proxy.blackHole();
    const start = performance.now();
    controller.abort();
    await failing;
    expect(performance.now() - start).toBeLessThan(8_000);
    expect(connection.isUsable).toBe(false);
    hole.release();
    await gone(db, pid);
    await expectNothingStored(db, connection);
  });

  it('is of unknown outcome in autocommit when the answer to CopyDone is lost', async () => {
    const failing = connection.copyIn(COPY, async (sink) => {
      await sink.write(lines(1, 3));
      await copying();
      // The first byte of the answer, which the server gives once it has committed.
      proxy.cutAfterBytes('toClient', 1);
    });
    await expect(failing).rejects.toMatchObject(UNKNOWN);
    expect(await countOf(db, 'orders')).toBe(3);
    expect(connection.isUsable).toBe(false);
  });

  it('is of unknown outcome in autocommit when its backend is terminated after CopyDone', async () => {
    const gate = await commitGate(db, 'orders', { column: 'rid', at: 3 });
    const failing = expect(
      connection.copyIn(COPY, (sink) => sink.write(lines(1, 3))),
    ).rejects.toMatchObject({ ...UNKNOWN, cause: { sqlstate: '57P01' } });
    await terminate(db, await gate.reached());
    await failing;
    await expectNothingStored(db, connection);
  });

  it('is only lost in a transaction: there CopyDone commits nothing', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 3 });
    const failing = expect(
      connection.transaction(() => connection.copyIn(COPY, (sink) => sink.write(lines(1, 3)))),
    ).rejects.toMatchObject({ ...LOST, commitState: 'rolled_back' });
    await terminate(db, await gate.reached());
    await failing;
    await expectNothingStored(db, connection);
  });
});
