import {
  type FaultProxy,
  startFaultProxy,
  testServers,
  useTestDatabase,
  within,
} from '@copyline/testkit';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { connect, Pool, type RetryEvent } from '../src/index.ts';
import {
  backendOf,
  connected,
  conninfoOf,
  countOf,
  expectHealthy,
  gone,
  lines,
} from './support/connected.ts';
import { COPY } from './support/copying.ts';
import { conninfoOfServer, startOwnServer } from './support/own-server.ts';
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

  it.each(['reset', 'halfClose'] as const)('a %s amid a COPY TO is told as such', async (how) => {
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
  });

  it('a black hole amid a COPY TO is found by its limit', async () => {
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

  it('a slow line changes nothing but the time', async () => {
    const connection = await connected(conninfoOf(db, proxy));
    proxy.delay(100);
    const options = { stallTimeoutMs: 5_000 };
    await connection.transaction(async () => {
      expect(await connection.copyIn(COPY, (sink) => sink.write(lines(1, 50_000)), options)).toBe(
        50_000,
      );
      for await (const _ of connection.copyOut(ENDLESS, options)) break;
      await connection.query('delete from orders where rid > 10');
    });
    proxy.delay(0);
    expect(await countOf(db, 'orders')).toBe(10);
    await expectHealthy(connection);
  });

  it.each([1, 7])('bytes that come %i at a time are read right', async (bytes) => {
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

  it('a server that is full is asked again later', async () => {
    await db.sql(`create role crowd login password 'crowd' connection limit 1`);
    await db.sql(`grant all on schema ${db.schema} to crowd`);
    const target = new URL(conninfoOf(db));
    target.username = target.password = 'crowd';
    const first = await connect({ target: target.href });
    onTestFinished(async () => {
      await db.sql(`drop owned by crowd`);
      await db.sql('drop role crowd');
    });
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

describe.each(testServers())('a server like $name that', (shared) => {
  it('crashes and recovers is waited for, and the transaction repeated once', async () => {
    const server = await startOwnServer(shared);
    const target = conninfoOfServer(server);
    await using pool = new Pool({ target, max: 2, retry: FAST });
    await pool.query('create table orders (rid int)');
    const victim = await pool.connect();
    const errors: { readonly sqlstate?: string; readonly code?: string }[] = [];
    const observe = ({ error }: RetryEvent): void => void errors.push(error as object);
    let runs = 0;
    await pool.transaction(
      async (connection) => {
        runs += 1;
        await connection.query('insert into orders values (1)');
        // A backend that is killed takes all others with it; the postmaster starts anew.
        if (runs === 1) process.kill(Number(await victim.backendPid()), 'SIGKILL');
        if (runs === 1) await connection.query('select pg_sleep(60)');
      },
      { retry: { ...FAST, observe } },
    );
    await victim.close();
    expect(runs).toBe(2);
    expect(
      errors.every(({ code }) => code === 'CONNECTION_LOST' || code === 'CONNECT_FAILED'),
    ).toBe(true);
    expect((await pool.query('select rid from orders')).rows).toEqual([{ rid: 1 }]);
  });

  it('is shut down and replaced by another one is left for it', async () => {
    const [old, next] = await Promise.all([startOwnServer(shared), startOwnServer(shared)]);
    const proxy = await startFaultProxy(old);
    for (const each of [old, next]) {
      const admin = await connected(conninfoOfServer(each));
      await admin.query("create role app login superuser password 'app'");
      await admin.query('create table orders (rid int)');
    }
    const target = `postgresql://app:app@${proxy.host}:${proxy.port}/${old.database}?sslmode=disable`;
    await using pool = new Pool({ target, max: 2, retry: FAST });
    await pool.query('select 1');
    let closing: Promise<void> | undefined;
    await pool.transaction(
      async (connection) => {
        await connection.query('insert into orders values (1)');
        closing ??= old.close().then(() => {
          proxy.repoint(next);
        });
        await closing;
        await connection.query('insert into orders values (2)');
      },
      { retry: FAST },
    );
    expect((await pool.query('select rid from orders order by rid')).rows).toEqual([
      { rid: 1 },
      { rid: 2 },
    ]);
  });

  it('has become read-only is left for another connection', async () => {
    const server = await startOwnServer(shared);
    const admin = await connected(conninfoOfServer(server));
    await admin.query('create table orders (rid int)');
    const readOnly = (value: string): Promise<unknown> =>
      admin.query(`alter database ${server.database} ${value} default_transaction_read_only`);
    await admin.query(`alter database ${server.database} set default_transaction_read_only = on`);
    await using pool = new Pool({ target: conninfoOfServer(server), max: 1 });
    const errors: unknown[] = [];
    let promoted: Promise<unknown> | undefined;
    const observe = ({ error }: RetryEvent): void => {
      errors.push(error);
      promoted ??= readOnly('reset');
    };
    await pool.transaction(
      async (connection) => {
        await promoted;
        await connection.query('insert into orders values (1)');
      },
      { retry: { ...FAST, observe } },
    );
    expect(errors[0]).toMatchObject({ sqlstate: '25006', commitState: 'rolled_back' });
    expect(pool.metrics.connected).toBeGreaterThan(1);
    expect((await admin.query('select rid from orders')).rows).toEqual([{ rid: 1 }]);
  });
});
