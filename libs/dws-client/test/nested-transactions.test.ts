import { type FaultProxy, startFaultProxy, anyServer, useTestDatabase } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Connection, Rollback } from '../src/index.ts';
import { connected, conninfoOf, expectHealthy, statementsOf } from './support/connected.ts';

describe.each(anyServer())('transaction blocks on $name', (server) => {
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

  const stored = async (): Promise<unknown[]> =>
    (await db.sql('select rid from orders order by rid')).map(({ rid }) => rid);

  /** The wire without numbers, which count over a whole process. */
  const wire = (): string[] => statementsOf(proxy).map((sql) => sql.replace(/_\d+"/, '"'));

  it('nest as savepoints, and give their results', async () => {
    const result = await connection.transaction(async () => {
      await insert(1);
      const inner = await connection.transaction(async () => {
        await insert(2);
        return 'inner';
      });
      return `${inner} and outer`;
    });
    expect(result).toBe('inner and outer');
    expect(await stored()).toEqual([1, 2]);
    expect(wire()).toEqual([
      'BEGIN',
      'insert into orders values (1)',
      'SAVEPOINT "copyline_block"',
      'insert into orders values (2)',
      'RELEASE SAVEPOINT "copyline_block"',
      'COMMIT',
    ]);
    await expectHealthy(connection);
  });

  it('undo themselves alone when they fail', async () => {
    const reason = new Error('of the inner block');
    await connection.transaction(async () => {
      await insert(1);
      const failing = connection.transaction(async () => {
        await insert(2);
        await expect(connection.query('select 1 / 0')).rejects.toThrow();
        throw reason;
      });
      await expect(failing).rejects.toBe(reason);
      expect(connection.transactionStatus).toBe('in-transaction');
      await insert(3);
    });
    expect(await stored()).toEqual([1, 3]);
  });

  it('undo the ones inside of them, too', async () => {
    await connection.transaction(async () => {
      await insert(1);
      const failing = connection.transaction(async () => {
        await connection.transaction(() => insert(2));
        throw new Error('after the inner one was released');
      });
      await expect(failing).rejects.toThrow();
    });
    expect(await stored()).toEqual([1]);
  });

  it('end by a Rollback of their own, which is no error', async () => {
    const results: unknown[] = [];
    await connection.transaction(async () => {
      await insert(1);
      const result = await connection.transaction(async (block) => {
        await insert(2);
        throw new Rollback(block);
      });
      results.push(result);
      await insert(3);
    });
    const whole = await connection.transaction(async (block) => {
      await insert(4);
      if (results.length > 0) throw new Rollback(block);
      return 'never';
    });
    expect([...results, whole]).toEqual([undefined, undefined]);
    expect(await stored()).toEqual([1, 3]);
    await expectHealthy(connection);
  });

  it('are undone on the way of a Rollback to the block that it names', async () => {
    await connection.transaction(async () => {
      await insert(1);
      await connection.transaction(async (middle) => {
        await insert(2);
        await connection.transaction(async () => {
          await insert(3);
          throw new Rollback(middle);
        });
      });
      await insert(4);
    });
    expect(await stored()).toEqual([1, 4]);
  });

  it('fail when an error inside of them was swallowed: the server would refuse to go on', async () => {
    await connection.transaction(async () => {
      await insert(1);
      const failing = connection.transaction(async () => {
        await insert(2);
        await connection.query('select 1 / 0').catch(() => undefined);
      });
      await expect(failing).rejects.toMatchObject({
        code: 'COMMIT_ROLLED_BACK',
        commitState: 'rolled_back',
      });
      await insert(3);
    });
    expect(await stored()).toEqual([1, 3]);
  });

  it('are savepoints inside a BEGIN of the user', async () => {
    await connection.query('begin');
    await insert(1);
    await connection.transaction(() => insert(2));
    await connection.transaction(async (block) => {
      await insert(3);
      throw new Rollback(block);
    });
    expect(await stored()).toEqual([]);
    await connection.query('commit');
    expect(await stored()).toEqual([1, 2]);
  });

  it('take their options only where BEGIN does', async () => {
    const failing = connection.transaction(() =>
      connection.transaction(() => insert(1), { isolation: 'serializable' }),
    );
    await expect(failing).rejects.toMatchObject({ code: 'TRANSACTION_MISUSED' });
    await expectHealthy(connection);
  });

  it('have every mode that BEGIN has', async () => {
    // The face does not have it; what happens there when it is asked for has a test of its own.
    const isolation = server.isFace ? 'repeatable read' : 'serializable';
    const modes = {
      isolation,
      readOnly: true,
      deferrable: true,
    } as const;
    const { rows } = await connection.transaction(
      () =>
        connection.query(`select current_setting('transaction_isolation') as isolation,
          current_setting('transaction_read_only') as read_only,
          current_setting('transaction_deferrable') as deferrable`),
      modes,
    );
    expect(rows).toEqual([{ isolation, read_only: 'on', deferrable: 'on' }]);
    expect(statementsOf(proxy)[0]).toBe(
      `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()} READ ONLY DEFERRABLE`,
    );
    if (!server.isFace) await connection.query('set default_transaction_read_only = on');
    await connection.transaction(() => insert(1), { readOnly: false, deferrable: false });
    expect(await stored()).toEqual([1]);
  });

  it('do not slip into a block beside them', async () => {
    await connection.transaction(async () => {
      await insert(1);
      const [first, second] = await Promise.allSettled([
        connection.transaction(() => insert(2)),
        connection.transaction(() => insert(3)),
      ]);
      expect(first.status).toBe('fulfilled');
      expect(second).toMatchObject({ reason: { code: 'TRANSACTION_MISUSED' } });
    });
    expect(await stored()).toEqual([1, 2]);
  });

  it('are told from each other over several connections', async () => {
    const other = await connected(conninfoOf(db));
    await connection.transaction(async () => {
      await insert(1);
      await other.transaction(async () => {
        await other.query('insert into orders values (10)');
        await connection.transaction(() => insert(2));
      });
      expect(await stored()).toEqual([10]);
    });
    expect(await stored()).toEqual([1, 2, 10]);
  });

  it('do not end before those inside of them', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let inner: Promise<unknown> = Promise.resolve();
    const failing = connection.transaction(async () => {
      await insert(1);
      await new Promise<void>((resolve) => {
        inner = connection.transaction(async () => {
          resolve();
          await gate;
          await insert(2);
        });
        inner.catch(() => undefined);
      });
    });
    await expect(failing).rejects.toMatchObject({
      code: 'TRANSACTION_MISUSED',
      commitState: 'rolled_back',
    });
    go();
    // Had the connection gone on, this would be a row of no transaction.
    await expect(inner).rejects.toMatchObject({ code: 'CONNECTION_UNUSABLE' });
    expect(await stored()).toEqual([]);
  });

  it('wait for the statements that nobody waited for', async () => {
    await connection.transaction(async () => {
      void insert(1);
      await Promise.resolve();
    });
    const failing = connection.transaction(async () => {
      connection.query('select 1 / 0').catch(() => undefined);
      await Promise.resolve();
    });
    await expect(failing).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
    expect(await stored()).toEqual([1]);
  });

  it('lose nothing of an outer transaction to a COPY that fails inside of them', async () => {
    await connection.transaction(async () => {
      await insert(1);
      const failing = connection.transaction(() =>
        connection.copyIn('copy orders from stdin', (sink) => sink.write(Buffer.from('2\nx\n'))),
      );
      // Where no COPY can be undone alone, none is begun.
      const outcome = server.isFace ? { code: 'NOT_SUPPORTED' } : { sqlstate: '22P02' };
      await expect(failing).rejects.toMatchObject(outcome);
      await connection.copyIn('copy orders from stdin', (sink) => sink.write(Buffer.from('3\n')));
    });
    expect(await stored()).toEqual([1, 3]);
  });
});
