import {
  type FaultProxy,
  startFaultProxy,
  anyServer,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { backendOf, connected, conninfoOf, expectHealthy } from './support/connected.ts';

const CANCELLED = { code: 'STATEMENT_CANCELLED', sqlstate: '57014' };

describe.each(anyServer())('a cancel on $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let connection: Connection;
  let pid: number;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    pid = await backendOf(connection);
  });

  const asleep = (): Promise<unknown> =>
    waitFor('it to sleep', async () => {
      const sql = `select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`;
      return (await db.sql(sql, [pid])).length > 0;
    });

  /** A statement that runs until the test lets it end. */
  const held = (): string => `select pg_advisory_xact_lock(hashtext('${db.schema}')), 2 as two`;
  const hold = (): Promise<unknown> => db.sql('select pg_advisory_lock(hashtext($1))', [db.schema]);
  const letEnd = (): Promise<unknown> =>
    db.sql('select pg_advisory_unlock(hashtext($1))', [db.schema]);

  it('ends the statement that runs, and nothing after it', async () => {
    const running = expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject(
      CANCELLED,
    );
    const next = connection.query('select 2 as two');
    await asleep();
    expect(await connection.cancel()).toBe(true);
    await running;
    expect((await next).rows).toMatchObject([{ two: 2 }]);
    await expectHealthy(connection);
  });

  it('of nothing does nothing', async () => {
    expect(await connection.cancel()).toBe(false);
    await expectHealthy(connection);
  });

  it('F30b: that comes too late never hits the next statement', async () => {
    for (let round = 0; round < 5; round += 1) {
      const parked = proxy.parkCancel();
      await hold();
      const running = connection.query(held());
      const cancelling = connection.cancel();
      await parked.reached;
      await letEnd();
      await running; // it has ended by itself
      await hold();
      const next = connection.query(held());
      parked.release();
      expect(await cancelling).toBe(true);
      await letEnd();
      expect((await next).rows).toMatchObject([{ two: 2 }]);
    }
    await expectHealthy(connection);
    expect(await backendOf(connection)).toBe(pid);
  });

  it('that has overtaken its statement can be repeated', async () => {
    const parked = proxy.parkQuery((sql) => sql.includes('pg_sleep'));
    const running = expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject(
      CANCELLED,
    );
    await parked.reached;
    expect(await connection.cancel()).toBe(true);
    parked.release();
    await asleep();
    expect(await connection.cancel()).toBe(true);
    await running;
    await expectHealthy(connection);
    expect(await backendOf(connection)).toBe(pid);
  });

  it('that does not come through destroys the connection before its next statement', async () => {
    const parked = proxy.parkCancel();
    await hold();
    const running = connection.query(held());
    const cancelling = connection.cancel({ timeoutMs: 100 });
    await parked.reached;
    await letEnd();
    await running;
    await expect(connection.query('select 1')).rejects.toMatchObject({
      code: 'CONNECTION_UNUSABLE',
    });
    expect(await cancelling).toBe(false);
    parked.release();
  });

  it('that cannot be sent leaves the statement alone', async () => {
    proxy.refuse();
    await hold();
    const running = connection.query(held());
    expect(await connection.cancel()).toBe(false);
    await letEnd();
    expect((await running).rows).toMatchObject([{ two: 2 }]);
    await expectHealthy(connection);
  });

  it('fails its transaction, and a savepoint in it saves the rest', async () => {
    await connection.transaction(async () => {
      await connection.query('create temporary table marker (id int)');
      const inner = connection.transaction(() => connection.query('select pg_sleep(60)'));
      const failing = expect(inner).rejects.toMatchObject(CANCELLED);
      await asleep();
      expect(await connection.cancel()).toBe(true);
      await failing;
      await connection.query('insert into marker values (1)');
    });
    expect((await connection.query('select id from marker')).rows).toEqual([{ id: 1 }]);
  });

  it('goes by SQL where a CancelRequest would go astray', async () => {
    const via = await connected(conninfoOf(db));
    expect(await connection.backendPid()).toBe(BigInt(pid));
    proxy.refuse();
    const running = expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject(
      CANCELLED,
    );
    await asleep();
    expect(await connection.cancel({ via })).toBe(true);
    await running;
    await expectHealthy(connection);
  });

  it('F29: is answered by 57014 like a statement_timeout, and each says which it was', async () => {
    await connection.query("set statement_timeout = '20ms'");
    await expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject({
      ...CANCELLED,
      retry: 'never',
      message: expect.stringContaining('statement timeout') as string,
    });
    await connection.query('reset statement_timeout');
    await expectHealthy(connection);
  });
});
