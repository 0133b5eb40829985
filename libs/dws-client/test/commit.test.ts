import {
  commitGate,
  type FaultProxy,
  startFaultProxy,
  testServers,
  useTestDatabase,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { connect, type Connection, type RetryEvent } from '../src/index.ts';
import { connected, conninfoOf, countOf, expectHealthy, terminate } from './support/connected.ts';

const UNKNOWN = { code: 'COMMIT_UNKNOWN', commitState: 'unknown', retry: 'resolve' };

describe.each(testServers())('COMMIT on $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  const insertOne = (): Promise<unknown> =>
    connection.transaction(() => connection.query('insert into orders values (1)'));

  const expectDestroyed = async (): Promise<void> => {
    expect(connection.isUsable).toBe(false);
    await expect(connection.query('select 1')).rejects.toMatchObject({
      code: 'CONNECTION_UNUSABLE',
    });
  };

  it('F14: that is answered with ROLLBACK is a failure', async () => {
    const rewritten = proxy.rewriteQuery(/^commit/i, 'ROLLBACK');
    await expect(insertOne()).rejects.toMatchObject({
      code: 'COMMIT_ROLLED_BACK',
      commitState: 'rolled_back',
    });
    await rewritten.reached;
    expect(await countOf(db, 'orders')).toBe(0);
    await expectHealthy(connection);
  });

  it('F14: of a transaction whose error was swallowed is a failure', async () => {
    const failing = connection.transaction(async () => {
      await connection.query('insert into orders values (1)');
      await connection.query('select 1 / 0').catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
    expect(await countOf(db, 'orders')).toBe(0);
    await expectHealthy(connection);
  });

  it('that a deferred constraint refuses is rolled back, and the connection goes on', async () => {
    await db.sql('alter table orders add unique (rid) deferrable initially deferred');
    await insertOne();
    await expect(insertOne()).rejects.toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      sqlstate: '23505',
      commitState: 'rolled_back',
      retry: 'never',
    });
    expect(await countOf(db, 'orders')).toBe(1);
    await expectHealthy(connection);
  });

  it('F11: whose request is lost is of unknown outcome, here nothing is stored', async () => {
    const lost = proxy.dropQuery(/^COMMIT$/);
    await expect(insertOne()).rejects.toMatchObject(UNKNOWN);
    await lost.reached;
    await expectDestroyed();
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it('F12: whose reply is lost is of unknown outcome, here the row is stored', async () => {
    const lost = proxy.dropReply(/^COMMIT$/);
    await expect(insertOne()).rejects.toMatchObject(UNKNOWN);
    await lost.reached;
    await expectDestroyed();
    expect(await countOf(db, 'orders')).toBe(1);
    expect(proxy.queries.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('F13: whose reply is lost with the server out of reach is in doubt until that is back', async () => {
    const lost = proxy.dropReply(/^COMMIT$/);
    const failing = expect(insertOne()).rejects.toMatchObject(UNKNOWN);
    await lost.reached;
    proxy.refuse();
    await failing;
    const sent = proxy.queries.length;
    const failures: unknown[] = [];
    let sentMeanwhile: number | undefined;
    const observe = ({ attempt, error }: RetryEvent): void => {
      failures.push(error);
      if (attempt < 5) return;
      sentMeanwhile ??= proxy.queries.length - sent;
      void proxy.accept();
    };
    const retry = { attempts: 200, baseDelayMs: 5, maxDelayMs: 20, observe };
    await using asking = await connect({ target: conninfoOf(db, proxy), retry });
    expect(sentMeanwhile).toBe(0);
    expect(failures[0]).toMatchObject({ code: 'CONNECT_FAILED', retry: 'retry' });
    expect((await asking.query('select rid from orders')).rows).toEqual([{ rid: 1 }]);
    expect(proxy.queries.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  });

  it('whose line ends in order before the reply is of unknown outcome', async () => {
    const parked = proxy.parkReply(/^COMMIT$/);
    const failing = expect(insertOne()).rejects.toMatchObject(UNKNOWN);
    await parked.reached;
    proxy.halfClose('toClient');
    await failing;
    await expectDestroyed();
    expect(await countOf(db, 'orders')).toBe(1);
  });

  it('whose backend is terminated inside it is of unknown outcome, in spite of 57P01', async () => {
    const gate = await commitGate(db, 'orders', { column: 'rid', at: 1 });
    const failing = expect(insertOne()).rejects.toMatchObject({
      ...UNKNOWN,
      cause: { sqlstate: '57P01' },
    });
    await terminate(db, await gate.reached());
    await failing;
    await expectDestroyed();
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it.each([
    { sqlstate: '40003', severity: 'ERROR' },
    { sqlstate: '08007', severity: 'ERROR' },
    { sqlstate: '08P01', severity: 'FATAL' },
    { sqlstate: '53100', severity: 'PANIC' },
  ] as const)('that is answered with $severity $sqlstate is of unknown outcome', async (answer) => {
    const injected = proxy.injectError(/^COMMIT$/, { ...answer, message: 'who knows' });
    await expect(insertOne()).rejects.toMatchObject(UNKNOWN);
    await injected.reached;
    await expectDestroyed();
  });

  it('that is answered with a serialization failure may be repeated as a whole', async () => {
    proxy.injectError(/^COMMIT$/, { sqlstate: '40001', message: 'could not serialize access' });
    await expect(insertOne()).rejects.toMatchObject({
      code: 'SQL_TRANSIENT',
      commitState: 'rolled_back',
      retry: 'retry',
    });
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it('is not sent while a COPY runs that the work did not wait for', async () => {
    let end = (): void => undefined;
    let copying: Promise<unknown> = Promise.resolve();
    const failing = connection.transaction(async () => {
      await connection.query('insert into orders values (1)');
      copying = connection
        .copyIn('copy orders from stdin', () => new Promise<void>((resolve) => (end = resolve)))
        .catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({ code: 'INTERNAL', commitState: 'rolled_back' });
    end();
    await copying;
    await expectDestroyed();
    expect(proxy.queries).not.toContain('COMMIT');
    expect(await countOf(db, 'orders')).toBe(0);
  });
});
