import {
  commitGate,
  type FaultProxy,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import {
  connect,
  type Connection,
  namingBlockers,
  Pool,
  type PoolOptions,
  type RetryEvent,
  withRetry,
} from '../src/index.ts';
import { backendOf, connected, conninfoOf, countOf, terminate } from './support/connected.ts';

const FAST = { baseDelayMs: 5, maxDelayMs: 20 };

describe.each(anyServer())('work on $name that is repeated', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    await db.sql('create table orders (rid int primary key, n int)');
  });

  function open(options: Partial<PoolOptions> = {}): Pool {
    const pool = new Pool({ target: conninfoOf(db, proxy), ...options });
    onTestFinished(() => pool.close());
    return pool;
  }

  const inserts = (): number => proxy.queries.filter((sql) => sql.startsWith('insert')).length;

  it('connects once the server is there', async () => {
    proxy.refuse();
    const observe = ({ attempt }: RetryEvent): void => {
      if (attempt === 2) void proxy.accept();
    };
    const retry = { ...FAST, attempts: 50, observe };
    const connection = await connect({ target: conninfoOf(db, proxy), retry });
    await connection.close();
    proxy.refuse();
    const pool = open({ retry });
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('does not knock again with a wrong password', async () => {
    const target = new URL(conninfoOf(db));
    target.password = 'wrong';
    const events: RetryEvent[] = [];
    const retry = { ...FAST, observe: (event: RetryEvent) => void events.push(event) };
    await expect(connect({ target: target.href, retry })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
    expect(events).toHaveLength(1);
  });

  it('is a statement only where it was declared idempotent', async () => {
    const pool = open();
    proxy.dropReply(/^update/);
    const update = 'update orders set n = 1';
    await expect(pool.query(update)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    proxy.dropReply(/^update/);
    await pool.query(update, [], { retryIdempotent: FAST });
    expect(proxy.queries.filter((sql) => sql === update)).toHaveLength(3);
  });

  it('F71: is a whole transaction, on another connection, when its own was lost', async () => {
    const pool = open();
    const pids: number[] = [];
    const result = await pool.transaction(
      async (connection) => {
        const pid = await backendOf(connection);
        pids.push(pid);
        await connection.query('insert into orders values (1)');
        if (pids.length === 1) await terminate(db, pid);
        await connection.query('insert into orders values (2)');
        return 'done';
      },
      { retry: FAST },
    );
    expect(result).toBe('done');
    expect(new Set(pids).size).toBe(2);
    expect(await countOf(db, 'orders')).toBe(2);
    // Nothing but the whole was repeated: BEGIN … insert, and once more from BEGIN on.
    expect(proxy.queries.filter((sql) => sql === 'BEGIN')).toHaveLength(2);
    expect(proxy.queries.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('F71: never is a transaction whose COMMIT was lost; one COMMIT is sent', async () => {
    const pool = open();
    let runs = 0;
    const work = async (connection: Connection): Promise<void> => {
      runs += 1;
      await connection.query('insert into orders values (1)');
    };
    proxy.dropReply(/^COMMIT$/);
    await expect(pool.transaction(work, { retry: FAST })).rejects.toMatchObject({
      code: 'COMMIT_UNKNOWN',
    });
    expect(runs).toBe(1);
    expect(proxy.queries.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
    expect(await countOf(db, 'orders')).toBe(1);
  });

  it('never is a transaction that dies inside its COMMIT, whatever the server says', async () => {
    const gate = await commitGate(db, 'orders', { column: 'rid', at: 1 });
    const pool = open();
    const failing = expect(
      pool.transaction((connection) => connection.query('insert into orders values (1)'), {
        retry: FAST,
      }),
    ).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', cause: { sqlstate: '57P01' } });
    await terminate(db, await gate.reached());
    await failing;
    expect(inserts()).toBe(1);
  });

  it('F71: never is a single statement inside a transaction', async () => {
    const connection = await connected(conninfoOf(db, proxy));
    const failing = connection.transaction(async () => {
      const insert = (): Promise<unknown> => connection.query('insert into orders values (1)');
      await insert();
      proxy.injectError(/^select/, { sqlstate: '55P03', message: 'lock not available' });
      const select = (): Promise<unknown> => connection.query('select n from orders');
      await withRetry({ ...FAST, unit: 'idempotent-statement' }, select);
    });
    await expect(failing).rejects.toMatchObject({ sqlstate: '55P03', commitState: 'rolled_back' });
    expect(proxy.queries.filter((sql) => sql.startsWith('select n'))).toHaveLength(1);
  });

  it('F26: gets out of a deadlock', async () => {
    await db.sql('insert into orders values (1, 0), (2, 0)');
    const pool = open({ target: conninfoOf(db) });
    const bump = (first: number, second: number): Promise<unknown> =>
      pool.transaction(
        async (connection) => {
          await connection.query("set local deadlock_timeout = '20ms'");
          await connection.query('update orders set n = n + 1 where rid = $1', [first]);
          await bothHaveOne();
          await connection.query('update orders set n = n + 1 where rid = $1', [second]);
        },
        { retry: { ...FAST, attempts: 10 } },
      );
    let arrived = 0;
    const bothHaveOne = (): Promise<unknown> => {
      arrived += 1;
      return waitFor('both to hold a row', () => arrived >= 2);
    };
    await Promise.all([bump(1, 2), bump(2, 1)]);
    expect(await db.sql('select n from orders order by rid')).toEqual([{ n: 2 }, { n: 2 }]);
    // One of them at least twice; on a slow machine the same thing may happen again.
    expect(arrived).toBeGreaterThanOrEqual(3);
  });

  it('F27: gets out of a serialization failure', async () => {
    // What the face has of it; a concurrent update fails there, too.
    const isolation = server.isFace ? 'repeatable read' : 'serializable';
    await db.sql('insert into orders values (1, 0)');
    const pool = open({ target: conninfoOf(db) });
    let arrived = 0;
    const bump = (): Promise<unknown> =>
      pool.transaction(
        async (connection) => {
          const { rows } = await connection.query<{ n: number }>('select n from orders');
          arrived += 1;
          await waitFor('both to have read', () => arrived >= 2);
          await connection.query('update orders set n = $1', [(rows[0]?.n ?? 0) + 1]);
        },
        { isolation, retry: { ...FAST, attempts: 10 } },
      );
    await Promise.all([bump(), bump()]);
    expect(await db.sql('select n from orders')).toEqual([{ n: 2 }]);
    expect(arrived).toBe(3);
  });

  // The face has no lock_timeout; its error for locks is one of gaussdb-face.test.ts.
  it.skipIf(server.isFace)('F28: waits for a table that is locked', async () => {
    const locker = await db.client();
    await locker.query('begin; lock table orders');
    const pool = open({ target: conninfoOf(db) });
    const observe = (event: RetryEvent): void => {
      if (event.attempt === 2) void locker.query('rollback');
    };
    await pool.transaction(
      async (connection) => {
        await connection.query("set local lock_timeout = '20ms'");
        await connection.query('insert into orders values (1)');
      },
      { retry: { ...FAST, attempts: 50, observe } },
    );
    expect(await countOf(db, 'orders')).toBe(1);
  });

  it.skipIf(server.isFace)('F28: says which process held the lock', async () => {
    const locker = await db.client();
    await locker.query('begin; lock table orders');
    const [held] = (await locker.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
    const pool = open({ target: conninfoOf(db) });
    const waiting = await connected(conninfoOf(db));
    await waiting.query("set lock_timeout = '1500ms'");
    const expected = `waited for process ${held?.pid} (testkit)`;
    const message = expect.stringContaining(expected) as string;
    const inserting = waiting.transaction(() =>
      namingBlockers(waiting, pool, () => waiting.query('insert into orders values (1)')),
    );
    await expect(inserting).rejects.toMatchObject({
      ...{ message, code: 'SQL_TRANSIENT', sqlstate: '55P03', retry: 'retry' },
      commitState: 'rolled_back',
    });
    await waiting.query('reset lock_timeout');
    const rows = Buffer.from('1\t1\n');
    const copying = namingBlockers(waiting, pool, () =>
      waiting.copyIn('copy orders from stdin', (sink) => sink.write(rows), {
        stallTimeoutMs: 1_000,
      }),
    );
    await expect(copying).rejects.toMatchObject({ message, code: 'COPY_STALLED' });
    const other = namingBlockers(waiting, pool, () => waiting.query('select 1 / 0'));
    await expect(other).rejects.toMatchObject({ sqlstate: '22012', message: 'division by zero' });
    await locker.query('rollback');
  });

  it('F72: is no storm when fifty of them lose their server', async () => {
    proxy.refuse();
    const events: RetryEvent[] = [];
    const observe = (event: RetryEvent): void => void events.push(event);
    const retry = { baseDelayMs: 20, maxDelayMs: 200, attempts: 6, observe };
    const jobs = Array.from({ length: 50 }, () =>
      connect({ target: conninfoOf(db, proxy), retry }).then(
        (connection) => connection.close(),
        (error: unknown) => error,
      ),
    );
    const outcomes = await Promise.all(jobs);
    expect(outcomes.every((each) => (each as { code?: string }).code === 'CONNECT_FAILED')).toBe(
      true,
    );
    expect(events).toHaveLength(50 * 6);
    // Spread over the whole of its time, and not all at its end.
    const last = events.filter(({ attempt }) => attempt === 5).map(({ delayMs = 0 }) => delayMs);
    expect(Math.max(...last) - Math.min(...last)).toBeGreaterThan(100);
  });
});
