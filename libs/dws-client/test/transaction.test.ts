import { CopylineError } from '@copyline/contracts';
import { type FaultProxy, startFaultProxy, testServers, useTestDatabase } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import {
  backendOf,
  connected,
  conninfoOf,
  countOf,
  expectHealthy,
  gone,
  terminate,
  statementsOf,
} from './support/connected.ts';

describe.each(testServers())('a transaction on $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
  });

  const insert = (rid: number): Promise<unknown> =>
    connection.query(`insert into orders values (${rid})`);

  it('commits what the work has done, and gives its result', async () => {
    const result = await connection.transaction(async () => {
      await insert(1);
      expect(await countOf(db, 'orders')).toBe(0);
      return 'result';
    });
    expect(result).toBe('result');
    expect(await countOf(db, 'orders')).toBe(1);
    await expectHealthy(connection);
  });

  it('sends exactly the statements that were asked for', async () => {
    await connection.query('select 1');
    await connection.transaction(() => connection.query('select 2'));
    await connection.transaction(() => connection.query('select 3'), {
      isolation: 'repeatable read',
      readOnly: true,
    });
    await connection.query('select 4');
    expect(statementsOf(proxy)).toEqual([
      'select 1',
      'BEGIN',
      'select 2',
      'COMMIT',
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      'select 3',
      'COMMIT',
      'select 4',
    ]);
  });

  it('rolls back what throws, and throws it on as it was', async () => {
    const reason = new Error('of the work');
    const failing = connection.transaction(async () => {
      await insert(1);
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    expect(await countOf(db, 'orders')).toBe(0);
    expect(proxy.queries.at(-1)).toBe('ROLLBACK');
    await expectHealthy(connection);
  });

  it('says of a server error that it was rolled back', async () => {
    const failing = connection.transaction(() => connection.query('select 1 / 0'));
    await expect(failing).rejects.toMatchObject({
      code: 'VALUE_REFUSED',
      sqlstate: '22012',
      commitState: 'rolled_back',
    });
    await expectHealthy(connection);
  });

  it('leaves alone what is known of another transaction', async () => {
    const other = new CopylineError('COMMIT_UNKNOWN', 'elsewhere', { commitState: 'unknown' });
    await expect(connection.transaction(() => Promise.reject(other))).rejects.toBe(other);
  });

  it('throws the error of the work when ROLLBACK fails, and destroys the connection', async () => {
    const cut = proxy.dropQuery(/^ROLLBACK/);
    const failing = connection.transaction(() => connection.query('select 1 / 0'));
    await expect(failing).rejects.toMatchObject({ sqlstate: '22012', commitState: 'rolled_back' });
    await cut.reached;
    expect(connection.isUsable).toBe(false);
  });

  it('says when COMMIT is about to be sent', async () => {
    const seen: (readonly string[])[] = [];
    await connection.transaction(() => insert(1), {
      onCommit: () => seen.push(statementsOf(proxy)),
    });
    expect(seen).toEqual([['BEGIN', 'insert into orders values (1)']]);
  });

  it('rolls back when nobody may be told', async () => {
    const reason = new Error('not now');
    const failing = connection.transaction(() => insert(1), {
      onCommit: () => {
        throw reason;
      },
    });
    await expect(failing).rejects.toBe(reason);
    expect(await countOf(db, 'orders')).toBe(0);
    await expectHealthy(connection);
  });

  it('does not run beside another one', async () => {
    const [first, second] = await Promise.allSettled([
      connection.transaction(() => insert(1)),
      connection.transaction(() => insert(2)),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'TRANSACTION_MISUSED' } });
    expect(await countOf(db, 'orders')).toBe(1);
  });

  it('takes no COMMIT for its own when the work has ended it', async () => {
    const failing = connection.transaction(async () => {
      await insert(1);
      await connection.query('ROLLBACK');
    });
    await expect(failing).rejects.toMatchObject({ code: 'TRANSACTION_MISUSED' });
    expect(proxy.queries).not.toContain('COMMIT');
  });

  it('is lost with its backend, and the process lives', async () => {
    const pid = await backendOf(connection);
    const failing = connection.transaction(async () => {
      await insert(1);
      await terminate(db, pid);
      await insert(2);
    });
    await expect(failing).rejects.toMatchObject({ commitState: 'rolled_back', retry: 'retry' });
    expect(connection.isUsable).toBe(false);
    expect(await countOf(db, 'orders')).toBe(0);
    // Neither is a statement repeated, nor is COMMIT sent somewhere else.
    expect(proxy.queries.filter((sql) => /^(insert|commit)/i.test(sql)).length).toBeLessThan(3);
  });

  it('is lost in the middle of a statement', async () => {
    const pid = await backendOf(connection);
    const failing = connection.transaction(async () => {
      await insert(1);
      const sleeping = connection.query('select pg_sleep(60)');
      sleeping.catch(() => undefined);
      await terminate(db, pid);
      await sleeping;
    });
    await expect(failing).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      commitState: 'rolled_back',
    });
  });

  it('never sends COMMIT over a line that was lost before: nothing is in doubt', async () => {
    const pid = await backendOf(connection);
    const failing = connection.transaction(async () => {
      await insert(1);
      await terminate(db, pid);
      // The work does not notice; the connection does, at some time before or after.
      await expect(connection.query('select 1')).rejects.toThrow();
    });
    await expect(failing).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      commitState: 'rolled_back',
    });
    expect(proxy.queries).not.toContain('COMMIT');
  });

  it('F30: is ended by idle_in_transaction_session_timeout', async () => {
    const pid = await backendOf(connection);
    const failing = connection.transaction(async () => {
      await connection.query("set local idle_in_transaction_session_timeout = '20ms'");
      await insert(1);
      await gone(db, pid);
      await insert(2);
    });
    await expect(failing).rejects.toMatchObject({ commitState: 'rolled_back', retry: 'retry' });
    expect(connection.isUsable).toBe(false);
  });
});
