import { CopylineError } from '@copyline/contracts';
import {
  type FaultProxy,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection, CopyOutOptions } from '../src/index.ts';
import { backendOf, connected, conninfoOf, countOf, expectHealthy } from './support/connected.ts';
import { ENDLESS, heldBack, readAll, SERIES } from './support/reading.ts';

const INTERRUPTED = { code: 'INTERRUPTED' };

describe.each(anyServer())('a COPY from $name that is left early', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;
  let pid: number;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    pid = await backendOf(connection);
    await db.sql('create table marker (id int)');
  });

  const expectSameAndHealthy = async (): Promise<void> => {
    await expectHealthy(connection);
    expect(await backendOf(connection)).toBe(pid);
  };

  /** Reads some pieces and leaves by the way of the test. */
  async function readSome(leave: () => unknown, options: CopyOutOptions = {}): Promise<void> {
    let pieces = 0;
    for await (const _ of connection.copyOut(ENDLESS, options)) {
      pieces += 1;
      if (pieces === 3 && leave() === 'break') break;
    }
  }

  it('by break goes on with the next statement', async () => {
    await readSome(() => 'break');
    await expectSameAndHealthy();
  });

  it('by an error of the consumer keeps that error', async () => {
    const reason = new Error('disk full');
    const reading = readSome(() => {
      throw reason;
    });
    await expect(reading).rejects.toBe(reason);
    await expectSameAndHealthy();
  });

  it('by its signal, while the consumer is reading', async () => {
    const controller = new AbortController();
    const reading = readSome(
      () => {
        controller.abort();
      },
      { signal: controller.signal },
    );
    await expect(reading).rejects.toMatchObject(INTERRUPTED);
    await expectSameAndHealthy();
  });

  it('by its signal, while the consumer is busy: the server is free at once', async () => {
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of connection.copyOut(ENDLESS, { signal: controller.signal })) {
        await heldBack(db);
        controller.abort();
        await waitFor('the backend to be idle', async () => {
          const sql = `select from pg_stat_activity where pid = $1 and state = 'idle'`;
          return (await db.sql(sql, [pid])).length > 0;
        });
      }
    })();
    await expect(reading).rejects.toMatchObject(INTERRUPTED);
    await expectSameAndHealthy();
  });

  it('by its signal, with a reason of its own', async () => {
    const controller = new AbortController();
    const reason = new CopylineError('LOAD_SUPERSEDED', 'lock lost');
    const reading = readSome(
      () => {
        controller.abort(reason);
      },
      { signal: controller.signal },
    );
    await expect(reading).rejects.toBe(reason);
  });

  it('by a return that nobody waits for', async () => {
    const iterator = connection.copyOut(ENDLESS)[Symbol.asyncIterator]();
    await iterator.next();
    void iterator.return();
    await waitFor('it to be ready', () => connection.status === 'ready');
    await expectSameAndHealthy();
  });

  it('while it waits for its turn is never sent', async () => {
    const controller = new AbortController();
    const before = connection.query('select pg_sleep(0.1)');
    const reading = readAll(connection.copyOut(ENDLESS, { signal: controller.signal }));
    controller.abort();
    await expect(reading).rejects.toMatchObject(INTERRUPTED);
    await before;
    await expectSameAndHealthy();
    expect(proxy.queries.filter((sql) => /^copy/i.test(sql))).toEqual([]);
  });

  it('before the server has answered', async () => {
    const controller = new AbortController();
    const parked = proxy.parkReply(/^copy/);
    const reading = expect(
      readAll(connection.copyOut(ENDLESS, { signal: controller.signal })),
    ).rejects.toMatchObject(INTERRUPTED);
    await parked.reached;
    controller.abort();
    parked.release();
    await reading;
    await expectSameAndHealthy();
  });

  it('while the server waits for a lock', async () => {
    const locker = await db.client();
    await locker.query('begin; lock table marker');
    const controller = new AbortController();
    const out = connection.copyOut('copy marker to stdout', { signal: controller.signal });
    const reading = expect(readAll(out)).rejects.toMatchObject(INTERRUPTED);
    await waitFor('it to wait for the lock', async () => {
      const waiting = 'select from pg_locks where pid = $1 and not granted';
      return (await db.sql(waiting, [pid])).length > 0;
    });
    controller.abort();
    await reading;
    await expectSameAndHealthy();
    await locker.query('rollback');
  });

  // The face has no COPY under a savepoint: for it the next one holds.
  it.skipIf(server.isFace)(
    'in a transaction leaves the transaction alive, and its work',
    async () => {
      await connection.transaction(async () => {
        await connection.query('insert into marker values (1)');
        await readSome(() => 'break');
        expect(connection.transactionStatus).toBe('in-transaction');
        await readSome(() => {
          throw new Error('again');
        }).catch(() => undefined);
        await connection.query('insert into marker values (2)');
      });
      expect(await countOf(db, 'marker')).toBe(2);
      await expectSameAndHealthy();
    },
  );

  it('in a transaction without a savepoint is never a silent loss', async () => {
    const failing = connection.transaction(async () => {
      await connection.query('insert into marker values (1)');
      await readSome(() => 'break', server.isFace ? {} : { savepoint: false });
    });
    await expect(failing).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
    expect(await countOf(db, 'marker')).toBe(0);
  });

  it('costs no savepoint outside a transaction, and no BEGIN ever', async () => {
    await readSome(() => 'break');
    expect(proxy.queries.filter((sql) => /begin|savepoint|rollback/i.test(sql))).toEqual([]);
  });

  it('after its last byte is not cancelled at all', async () => {
    const iterator = connection.copyOut(SERIES(3))[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return();
    await expectSameAndHealthy();
  });

  it('F30b: whose cancel is late never hits a later statement', async () => {
    const cancel = proxy.parkCancel();
    const iterator = connection.copyOut(SERIES(300_000))[Symbol.asyncIterator]();
    await iterator.next();
    const leaving = iterator.return();
    await cancel.reached;
    // The COPY has ended by itself when the cancel gets to the server.
    await waitFor('the COPY to end', async () => {
      const sql = `select from pg_stat_activity where pid = $1 and state = 'idle'`;
      return (await db.sql(sql, [pid])).length > 0;
    });
    cancel.release();
    await leaving;
    await expectSameAndHealthy();
  });

  it('whose cancel does not come through is destroyed: it might hit a later statement', async () => {
    const cancel = proxy.parkCancel();
    await readSome(() => 'break');
    await cancel.reached;
    expect(connection.isUsable).toBe(false);
    cancel.release();
  });

  it('whose cancel cannot be sent is read to its end, when that is near', async () => {
    const iterator = connection.copyOut(SERIES(300_000))[Symbol.asyncIterator]();
    await iterator.next();
    proxy.refuse();
    await iterator.return();
    await expectSameAndHealthy();
  });

  it('of a server that does not end is destroyed in bounded time', async () => {
    const iterator = connection.copyOut(ENDLESS, { drainTimeoutMs: 300 })[Symbol.asyncIterator]();
    await iterator.next();
    const hole = proxy.blackHole();
    await iterator.return();
    expect(connection.isUsable).toBe(false);
    hole.release();
  });
});
