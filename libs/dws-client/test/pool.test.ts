import { CopylineError } from '@copyline/contracts';
import {
  copyProgress,
  type FaultProxy,
  realPid,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
  within,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { type Connection, Pool, type PoolOptions } from '../src/index.ts';
import {
  backendOf,
  backendsOf,
  conninfoOf,
  expectHealthy,
  gone,
  statementsOf,
  terminate,
} from './support/connected.ts';
import { COPY, stuckFeed } from './support/copying.ts';

describe.each(anyServer())('a pool of connections to $name', (server) => {
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
    expect(pool.metrics).toMatchObject({ total: 0, idle: 0, waiting: 0 });
    const first = await pool.withConnection(backendOf);
    expect(pool.metrics).toMatchObject({ total: 1, idle: 1, waiting: 0 });
    const second = await pool.query<{ pid: number }>(
      'select pg_backend_pid() as pid, $1::int',
      [1],
    );
    expect(realPid(second.rows[0]?.pid ?? 0)).toBe(first);
  });

  it('has never more than max connections; who comes later waits', async () => {
    const pool = open({ max: 2 });
    const held = [await pool.connect(), await pool.connect()];
    const third = pool.connect();
    await waitFor('a third to wait', () => pool.metrics.waiting === 1);
    expect(pool.metrics).toMatchObject({ total: 2, idle: 0, waiting: 1 });
    await held[0]?.close();
    await expectHealthy(await third);
    await (await third).close();
    await held[1]?.close();
    expect(pool.metrics.total).toBe(2);
  });

  it('lets go who gives up the wait; what comes for him goes to the next', async () => {
    const pool = open({ max: 1 });
    const held = await pool.connect();
    const aborter = new AbortController();
    const impatient = pool.connect({ signal: aborter.signal });
    const patient = pool.connect();
    aborter.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(pool.connect({ signal: aborter.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    await held.close();
    await expectHealthy(await patient);
    await (await patient).close();
  });

  it('F32: says when nothing came free, also to one who waits for himself', async () => {
    const pool = open({ max: 1, acquireTimeoutMs: 1_000 });
    await pool.withConnection(async () => {
      await expect(pool.connect()).rejects.toMatchObject({
        code: 'POOL_TIMEOUT',
        retry: 'retry',
        message: expect.stringContaining(
          '1 of 1 are in use, 1 by the very task that waits',
        ) as string,
      });
    });
    const held = await pool.connect();
    await expect(pool.query('select 1')).rejects.toMatchObject({
      message: expect.stringMatching(/1 of 1 are in use$/) as string,
    });
    await held.close();
    await pool.withConnection(expectHealthy);
    expect(pool.metrics).toMatchObject({ timedOut: 2, inUse: 0, waiting: 0 });
  });

  const dirt: readonly (readonly [string, (connection: Connection) => unknown])[] = [
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
    expect(pool.metrics).toMatchObject({ total: 1, idle: 1, waiting: 0 });
  });

  it.each([
    ['in a transaction', 'begin; insert into orders values (1)'],
    ['in a failed transaction', 'begin; select 1 / 0'],
  ])('rolls back a connection that comes back %s, and keeps it', async (_, sql) => {
    const pool = open({ max: 1 });
    const pid = await pool.withConnection(async (connection) => {
      await connection.query(sql).catch(() => undefined);
      return (await backendsOf(db))[0];
    });
    await pool.withConnection(async (next) => {
      await expectHealthy(next);
      expect(await backendOf(next)).toBe(pid);
    });
    expect(await db.sql('select from orders')).toEqual([]);
    expect(pool.metrics).toMatchObject({ connected: 1, rolledBack: 1, destroyed: 0, acquired: 2 });
  });

  it.skipIf(server.isFace)('leaves nothing of one user to the next', async () => {
    const pool = open({ max: 1 });
    await db.sql('create role pool_user');
    onTestFinished(async () => {
      await db.sql('drop role pool_user');
    });
    await pool.withConnection(async (connection) => {
      await connection.query(`set search_path = pg_catalog; set work_mem = '123kB';
        create temporary table leftover (id int); select pg_advisory_lock(4711); listen news;
        prepare statement as select 1; declare c cursor with hold for select 1;
        set session authorization pool_user`);
    });
    await pool.withConnection(async (next) => {
      const { rows } = await next.query(`select current_user <> 'pool_user' as own_user,
        current_setting('search_path') = '${db.schema}' as own_path,
        current_setting('work_mem') <> '123kB' as own_memory,
        to_regclass('pg_temp.leftover') is null as no_table,
        (select count(*) from pg_listening_channels()) as channels,
        (select count(*) from pg_prepared_statements) as statements,
        (select count(*) from pg_cursors where name = 'c') as cursors,
        (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`);
      expect(rows).toEqual([
        {
          ...{ own_user: true, own_path: true, own_memory: true, no_table: true },
          ...{ channels: 0n, statements: 0n, cursors: 0n, locks: 0n },
        },
      ]);
    });
    expect(pool.metrics.connected).toBe(1);
  });

  it('leaves no setting and no role of one user to the next', async () => {
    const pool = open({ max: 1 });
    await db.sql('create role settings_user');
    onTestFinished(() => db.sql('drop role settings_user').then(() => undefined));
    await pool.query(`set search_path = pg_catalog; set work_mem = '123kB';
      set session authorization settings_user`);
    const { rows } = await pool.query(`select current_user <> 'settings_user' as own_user,
      current_setting('search_path') = '${db.schema}' as own_path,
      current_setting('work_mem') <> '123kB' as own_memory`);
    expect(rows).toEqual([{ own_user: true, own_path: true, own_memory: true }]);
    expect(pool.metrics.connected).toBe(1);
  });

  it('resets settings alone where it is told to, and nothing where it is told to', async () => {
    const settings = open({ max: 1, reset: 'reset-all' });
    await settings.query("set work_mem = '123kB'; create temporary table leftover (id int)");
    const { rows } = await settings.query(
      `select current_setting('work_mem') as m, not exists (select 1 from pg_class
        where relname = 'leftover' and relnamespace = pg_my_temp_schema()) as gone`,
    );
    expect(rows).toEqual([{ m: expect.not.stringMatching('123kB') as string, gone: false }]);
    const nothing = open({ target: conninfoOf(db, proxy), max: 1, reset: 'none' });
    await nothing.query('select 1');
    await nothing.query('select 2');
    expect(statementsOf(proxy)).toEqual(['select 1', 'select 2']);
  });

  it('gives nobody a connection with a cancel on its way', async () => {
    const pool = open({ target: conninfoOf(db, proxy), max: 1, reset: 'none' });
    const parked = proxy.parkCancel();
    const connection = await pool.connect();
    const running = connection.query('select pg_sleep(0.02)');
    const cancelling = connection.cancel({ timeoutMs: 200 });
    await parked.reached;
    await running;
    await connection.close();
    expect(await cancelling).toBe(false);
    expect(pool.metrics.destroyed).toBe(1);
    parked.release();
    await pool.withConnection(expectHealthy);
  });

  it('destroys what cannot be reset in time', async () => {
    const pool = open({ target: conninfoOf(db, proxy), max: 1 });
    const connection = await pool.connect();
    const parked = proxy.parkQuery(/discard|reset all/i);
    const closing = connection.close();
    await parked.reached;
    await closing;
    expect(pool.metrics.destroyed).toBe(1);
    parked.release();
    await pool.withConnection(expectHealthy);
  });

  it('replaces a connection that is old, or was used often enough', async () => {
    const worn = open({ max: 1, maxUses: 2 });
    const pids = [];
    for (let i = 0; i < 4; i += 1) pids.push(await worn.withConnection(backendOf));
    expect(new Set(pids).size).toBe(2);
    expect([pids[0], pids[2]]).toEqual([pids[1], pids[3]]);
    const old = open({ max: 1, maxAgeMs: 30 });
    const first = await old.withConnection(async (connection) => {
      const pid = await backendOf(connection);
      const start = performance.now();
      await waitFor('it to be too old', () => performance.now() - start > 100);
      return pid;
    });
    expect(await old.withConnection(backendOf)).not.toBe(first);
  });

  it('refuses at its close who waits, and destroys after its grace what is in use', async () => {
    const pool = open({ max: 1 });
    const connection = await pool.connect();
    const sleeping = connection.query('select pg_sleep(60)');
    const waiting = pool.connect();
    await waitFor('the next to wait', () => pool.metrics.waiting === 1);
    const closing = pool.close({ graceMs: 50 });
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_UNUSABLE' });
    await expect(sleeping).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await within('the pool to close', closing);
    expect(pool.metrics).toMatchObject({ total: 0, inUse: 0 });
    await db.sql(`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)'
      and pid <> pg_backend_pid()`);
  });

  it('serves twice as many tasks as it has connections, under load, without one lost', async () => {
    const pool = open({ max: 4, acquireTimeoutMs: 30_000 });
    const tasks = Array.from({ length: 200 }, (_, i) =>
      pool.withConnection(async (connection) => {
        if (i % 5 === 0) await connection.query('begin');
        if (i % 7 === 0) await connection.query('select 1 / 0').catch(() => undefined);
        if (i % 11 === 0) {
          connection.destroy(new CopylineError('INTERNAL', 'on purpose'));
          return i;
        }
        const { rows } = await connection.query<{ n: number }>('select $1::int as n', [i]).catch(
          // in a failed transaction
          () => ({ rows: [{ n: i }] }),
        );
        return rows[0]?.n;
      }),
    );
    expect(await Promise.all(tasks)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(pool.metrics).toMatchObject({ inUse: 0, waiting: 0, acquired: 200 });
    expect(pool.metrics.total).toBeLessThanOrEqual(4);
  });

  it('gives the place of a destroyed connection to who waits, also in a black hole', async () => {
    const pool = open({ target: conninfoOf(db, proxy), max: 1 });
    const connection = await pool.connect();
    await connection.query('begin');
    const next = pool.connect();
    await waitFor('the next to wait', () => pool.metrics.waiting === 1);
    const hole = proxy.blackHole();
    await connection.close();
    await waitFor('a new attempt', () => pool.metrics.waiting === 0 && proxy.connections > 1);
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
    await waitFor('the pool to notice', () => pool.metrics.total === 0);
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
