import { CopylineError } from '@copyline/contracts';
import {
  copyProgress,
  type FaultProxy,
  startFaultProxy,
  testServers,
  useTestDatabase,
  waitFor,
  within,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { type Connection, Pool, type PoolOptions } from '../src/index.ts';
import { backendOf, conninfoOf, expectHealthy, gone, terminate } from './support/connected.ts';
import { COPY, stuckFeed } from './support/copying.ts';

describe.each(testServers())('a pool of connections to $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    await db.sql('create table orders (rid int)');
  });

  function open(options: Partial<PoolOptions> = {}): Pool {
    const pool = new Pool({ target: conninfoOf(db), acquireTimeoutMs: 5_000, ...options });
    onTestFinished(() => within('the pool to close', pool.close()));
    return pool;
  }

  it('connects when it must, and uses again what came back clean', async () => {
    const pool = open();
    expect(pool.counts).toEqual({ total: 0, idle: 0, waiting: 0 });
    const first = await pool.withConnection(backendOf);
    expect(pool.counts).toEqual({ total: 1, idle: 1, waiting: 0 });
    const second = await pool.query<{ pid: number }>(
      'select pg_backend_pid() as pid, $1::int',
      [1],
    );
    expect(second.rows[0]?.pid).toBe(first);
  });

  it('has never more than max connections; who comes later waits', async () => {
    const pool = open({ max: 2 });
    const held = [await pool.connect(), await pool.connect()];
    const third = pool.connect();
    await waitFor('a third to wait', () => pool.counts.waiting === 1);
    expect(pool.counts).toEqual({ total: 2, idle: 0, waiting: 1 });
    await held[0]?.close();
    await expectHealthy(await third);
    await (await third).close();
    await held[1]?.close();
    expect(pool.counts.total).toBe(2);
  });

  it('says when nothing came free, also to one who waits for himself', async () => {
    const pool = open({ max: 1, acquireTimeoutMs: 100 });
    await pool.withConnection(async () => {
      await expect(pool.connect()).rejects.toMatchObject({ code: 'POOL_TIMEOUT', retry: 'retry' });
    });
    await pool.withConnection(expectHealthy);
  });

  const dirt: readonly (readonly [string, (connection: Connection) => unknown])[] = [
    ['in a transaction', (each) => each.query('begin')],
    ['in a failed transaction', (each) => each.query('begin; select 1 / 0').catch(() => 0)],
    [
      'amid a statement',
      async (each) => {
        each.query('select pg_sleep(60)').catch(() => undefined);
        await waitFor('it to sleep', () =>
          db.sql("select from pg_stat_activity where wait_event = 'PgSleep'").then((all) => all[0]),
        );
      },
    ],
    [
      'amid a COPY',
      async (each) => {
        each.copyIn(COPY, stuckFeed().feed).catch(() => undefined);
        await waitFor('the COPY', () => copyProgress(db, 'orders'));
      },
    ],
    ['with a backend that is gone', async (each) => terminate(db, await backendOf(each))],
  ];

  it.each(dirt)('destroys a connection that comes back %s', async (_, soil) => {
    const pool = open({ max: 1 });
    const connection = await pool.connect();
    const pid = await backendOf(connection);
    await soil(connection);
    await connection.close();
    await pool.withConnection(async (next) => {
      await expectHealthy(next);
      expect(await backendOf(next)).not.toBe(pid);
    });
    // The server goes on with what it was doing until it looks at the line.
    await db.sql('select pg_terminate_backend($1)', [pid]);
    await gone(db, pid);
    expect(pool.counts).toEqual({ total: 1, idle: 1, waiting: 0 });
  });

  it('gives the place of a destroyed connection to who waits, also in a black hole', async () => {
    const pool = open({ target: conninfoOf(db, proxy), max: 1 });
    const connection = await pool.connect();
    await connection.query('begin');
    const next = pool.connect();
    await waitFor('the next to wait', () => pool.counts.waiting === 1);
    const hole = proxy.blackHole();
    await connection.close();
    await waitFor('a new attempt', () => pool.counts.waiting === 0 && proxy.connections > 1);
    hole.release();
    await (await next).close();
  });

  it('keeps a connection whose COPY failed and was proven ready', async () => {
    const pool = open();
    const pid = await pool.withConnection(async (connection) => {
      await expect(
        connection.copyIn(COPY, (sink) => sink.write(Buffer.from('x\n'))),
      ).rejects.toMatchObject({ sqlstate: '22P02' });
      return backendOf(connection);
    });
    expect(await pool.withConnection(backendOf)).toBe(pid);
  });

  it('replaces an idle connection that was killed', async () => {
    const pool = open();
    const pid = await pool.withConnection(backendOf);
    await terminate(db, pid);
    await waitFor('the pool to notice', () => pool.counts.total === 0);
    expect(await pool.withConnection(backendOf)).not.toBe(pid);
  });

  it('survives the death of a connection in use', async () => {
    const pool = open({ max: 1 });
    const working = pool.withConnection(async (connection) => {
      const pid = await backendOf(connection);
      const sleeping = connection.query('select pg_sleep(60)');
      sleeping.catch(() => undefined);
      await terminate(db, pid);
      await sleeping;
    });
    await expect(working).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await pool.withConnection(expectHealthy);
  });

  it('does not let a returned connection harm its next owner', async () => {
    const pool = open({ max: 1 });
    const former = await pool.connect();
    await former.close();
    await pool.withConnection(async (owner) => {
      former.destroy(new CopylineError('INTERNAL', 'too late'));
      await former.close();
      await expectHealthy(owner);
    });
  });

  it('leaves no listener on a connection that many have used', async () => {
    const warnings: Error[] = [];
    const collect = (warning: Error): void => void warnings.push(warning);
    process.on('warning', collect);
    const pool = open({ max: 1 });
    for (let i = 0; i < 30; i += 1) await pool.query('select 1');
    process.off('warning', collect);
    expect(warnings).toEqual([]);
  });

  it('waits at its close for who is at work, and then refuses', async () => {
    const pool = open();
    const connection = await pool.connect();
    const pid = await backendOf(connection);
    const closing = Promise.all([pool.close(), pool.close()]);
    await expectHealthy(connection);
    await connection.close();
    await within('the pool to close', closing);
    await gone(db, pid);
    await expect(pool.connect()).rejects.toMatchObject({ code: 'CONNECTION_UNUSABLE' });
  });

  it('falls back to a line without TLS, also for all who came at once', async () => {
    const target = conninfoOf(db).replace(/$/, '&sslmode=prefer');
    const pool = open({ target, max: 1, acquireTimeoutMs: 3_000 });
    const pids = await Promise.all(Array.from({ length: 6 }, () => pool.withConnection(backendOf)));
    expect(new Set(pids).size).toBe(1);
  });

  it('fails as connecting does', async () => {
    const wrong = new URL(conninfoOf(db));
    wrong.password = 'wrong';
    await expect(open({ target: wrong.href }).connect()).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
    proxy.refuse();
    await expect(open({ target: conninfoOf(db, proxy) }).connect()).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
  });

  it('has its own patience for a new connection, apart from that for a free one', async () => {
    await proxy.acceptAndHang();
    const pool = open({ target: conninfoOf(db, proxy), connectTimeoutMs: 100 });
    const start = performance.now();
    await expect(pool.connect()).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('no answer in time') as string,
    });
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});
