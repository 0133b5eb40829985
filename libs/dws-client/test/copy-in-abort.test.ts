import { CopylineError } from '@copyline/contracts';
import {
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
  connected,
  conninfoOf,
  countOf,
  expectHealthy,
  lines,
  statementsOf,
} from './support/connected.ts';
import { BLOCK, COPY, expectNothingStored, floodFeed, stuckFeed } from './support/copying.ts';

const INTERRUPTED = { code: 'INTERRUPTED' };

describe.each(anyServer())('a COPY to $name that is aborted', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;
  let proxy: FaultProxy;
  let controller: AbortController;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    controller = new AbortController();
    await db.sql('create table orders (rid int)');
  });

  const copyIn = (feed: Parameters<Connection['copyIn']>[1]): Promise<number> =>
    connection.copyIn(COPY, feed, { signal: controller.signal });

  it('before it starts is never sent', async () => {
    controller.abort();
    await expect(copyIn(floodFeed)).rejects.toMatchObject(INTERRUPTED);
    expect(statementsOf(proxy)).toEqual([]);
    await expectNothingStored(db, connection);
  });

  it('before the server has answered stores nothing', async () => {
    const parked = proxy.parkReply(/^copy/);
    const failing = expect(copyIn(floodFeed)).rejects.toMatchObject(INTERRUPTED);
    await parked.reached;
    controller.abort();
    parked.release();
    await failing;
    await expectNothingStored(db, connection);
    expect(connection.isUsable).toBe(true);
  });

  it('while its source says nothing ends at once', async () => {
    const { feed } = stuckFeed();
    const failing = copyIn(async (sink) => {
      await sink.write(lines(1, 1_000));
      controller.abort();
      await feed();
    });
    await expect(failing).rejects.toMatchObject(INTERRUPTED);
    await expectNothingStored(db, connection);
    expect(connection.isUsable).toBe(true);
  });

  it('gives its own reason when that has a code', async () => {
    const reason = new CopylineError('LOAD_SUPERSEDED', 'lock lost');
    const failing = copyIn(async (sink) => {
      await sink.write(lines(1, 1));
      controller.abort(reason);
      await sink.write(lines(2, 2));
    });
    await expect(failing).rejects.toBe(reason);
    await expectNothingStored(db, connection);
  });

  it('in a transaction rolls back, and the session goes on', async () => {
    const failing = connection.transaction(() =>
      copyIn(async (sink) => {
        await sink.write(BLOCK);
        controller.abort();
        await floodFeed(sink);
      }),
    );
    await expect(failing).rejects.toMatchObject({ ...INTERRUPTED, commitState: 'rolled_back' });
    expect(proxy.queries.at(-1)).toBe('ROLLBACK');
    await expectNothingStored(db, connection);
    expect(connection.isUsable).toBe(true);
  });

  it('while the server waits for a lock is cancelled there', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const failing = expect(copyIn(floodFeed)).rejects.toMatchObject(INTERRUPTED);
    await gate.reached();
    controller.abort();
    await failing;
    // CopyFail waits behind the data that the server does not read: only a cancel gets through.
    expect(connection.isUsable).toBe(true);
    await expectNothingStored(db, connection);
    await gate.release();
  });

  it('is destroyed when its cancel is late: it would hit a later statement', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const failing = expect(copyIn(floodFeed)).rejects.toMatchObject(INTERRUPTED);
    await gate.reached();
    const parked = proxy.parkCancel();
    controller.abort();
    await parked.reached;
    // The server becomes ready by itself while the cancel is still on its way.
    await gate.release();
    await failing;
    expect(connection.isUsable).toBe(false);
    parked.release();
    await expectNothingStored(db, connection);
  });

  it('after CopyDone rolls back with its transaction', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 3 });
    const failing = expect(
      connection.transaction(() => copyIn((sink) => sink.write(lines(1, 3)))),
    ).rejects.toMatchObject({ ...INTERRUPTED, commitState: 'rolled_back' });
    await gate.reached();
    controller.abort();
    await failing;
    expect(connection.isUsable).toBe(true);
    await expectNothingStored(db, connection);
    await gate.release();
  });

  it('after CopyDone, in autocommit, ends as the server says: stored', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 3 });
    const copying = copyIn((sink) => sink.write(lines(1, 3)));
    await gate.reached();
    controller.abort();
    await gate.release();
    expect(await copying).toBe(3);
    expect(await countOf(db, 'orders')).toBe(3);
    await expectHealthy(connection);
  });

  it('after CopyDone, in autocommit, ends as the server says: cancelled', async () => {
    const gate = await openGate(db, 'orders', { column: 'rid', at: 3 });
    const failing = expect(copyIn((sink) => sink.write(lines(1, 3)))).rejects.toMatchObject(
      INTERRUPTED,
    );
    await gate.reached();
    controller.abort();
    await failing;
    await expectNothingStored(db, connection);
    await gate.release();
  });

  it('waits for its feed to clean up, and not for one that does not', async () => {
    let cleaned = false;
    const failing = copyIn(async (sink) => {
      try {
        controller.abort();
        await sink.write(BLOCK);
      } finally {
        await db.sql('select pg_sleep(0.05)');
        cleaned = true;
      }
    });
    await expect(failing).rejects.toMatchObject(INTERRUPTED);
    expect(cleaned).toBe(true);
  });

  it('refuses what its feed writes afterwards', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const { feed, end } = stuckFeed();
    const failing = copyIn(async (sink) => {
      late = feed().then(() => sink.write(BLOCK));
      late.catch(() => undefined);
      controller.abort();
      await feed();
    });
    await expect(failing).rejects.toMatchObject(INTERRUPTED);
    end();
    await expect(late).rejects.toMatchObject(INTERRUPTED);
    await expectHealthy(connection);
    await waitFor('nothing under way', () => connection.transactionStatus === 'idle');
  });
});
