import { startPostgres, type TestServer, anyPostgres, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { connect, Pool, type RetryEvent } from '../src/index.ts';
import { connected } from './support/connected.ts';
import { FAST, type Failure, observed, rids, targetOf } from './support/restarting.ts';

describe.each(anyPostgres())('F21: a server like $name', (shared: TestServer) => {
  const { major } = shared;

  it.each(['fast', 'immediate', 'killed'] as const)(
    'that goes down (%s) and comes again is waited for, and its transaction repeated once',
    async (how) => {
      const server = await startPostgres({ major });
      await using pool = new Pool({ target: targetOf(server), max: 2, retry: FAST });
      await pool.query('create table orders (rid int)');
      // One more connection that the pool has to replace.
      await (await pool.connect()).close();
      const { failures, observe } = observed();
      let stopped: Promise<void> | undefined;
      let started: Promise<void> | undefined;
      let runs = 0;
      await pool.transaction(
        async (connection) => {
          runs += 1;
          await connection.query('insert into orders values (1)');
          stopped ??= how === 'killed' ? server.kill() : server.stop(how);
          await stopped;
          if (runs === 1) await waitFor('the loss to be known', () => !connection.isUsable);
          started ??= server.start();
          await connection.query('insert into orders values (2)');
        },
        { retry: { ...FAST, observe } },
      );
      expect(await rids(pool)).toEqual([1, 2]);
      expect(runs).toBe(2);
      await started;
      // It was lost while nobody used it: the next statement was refused before it was sent.
      expect(failures[0]).toMatchObject({
        code: 'CONNECTION_UNUSABLE',
        commitState: 'rolled_back',
        cause: { code: 'CONNECTION_LOST', ...(how === 'fast' ? { sqlstate: '57P01' } : {}) },
      });
      expect(pool.metrics.connected).toBeGreaterThan(1);
    },
  );

  it('that crashes and recovers is waited for, and the transaction repeated once', async () => {
    const server = await startPostgres({ major });
    const target = targetOf(server);
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

  it('that shuts down answers new connections with 57P03, and those at work may end', async () => {
    const server = await startPostgres({ major });
    const atWork = await connected(targetOf(server));
    await atWork.query('create table orders (rid int)');
    await atWork.query('begin');
    server.shutDown('smart');
    const refused = async (): Promise<Failure | undefined> => {
      try {
        await (await connect({ target: targetOf(server) })).close();
        return undefined; // the signal has not arrived yet
      } catch (error) {
        return error as Failure;
      }
    };
    const failure = await waitFor('the server to refuse', refused);
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', sqlstate: '57P03', retry: 'retry' });
    await atWork.query('insert into orders values (1)');
    await atWork.query('commit');
    await atWork.close();
  });

  it('that is starting up answers with 57P03 and is waited for', async () => {
    const primary = await startPostgres({ major });
    const starting = await primary.startStandby({ hot: false });
    const target = targetOf(starting);
    const refused = async (): Promise<Failure | undefined> => {
      const failure = await connect({ target }).then(
        () => undefined,
        (error: unknown) => error as Failure,
      );
      return failure?.sqlstate === undefined ? undefined : failure;
    };
    expect(await waitFor('the server to refuse', refused)).toMatchObject({
      code: 'CONNECT_FAILED',
      sqlstate: '57P03',
      retry: 'retry',
    });
    // Where there is another host it is not waited for.
    const both = `host=${starting.host},${primary.host} port=${starting.port},${primary.port}`;
    const { username, password, pathname } = new URL(primary.url());
    await connected(
      `${both} user=${username} password=${password} dbname=${pathname.slice(1)} sslmode=disable`,
    );
    const { failures, observe } = observed();
    const watch = (event: RetryEvent): void => {
      observe(event);
      if (event.attempt === 3) starting.promote();
    };
    const connection = await connect({ target, retry: { ...FAST, observe: watch } });
    expect((await connection.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await connection.close();
    expect(failures.length).toBeGreaterThanOrEqual(3);
    expect(failures[0]).toMatchObject({ sqlstate: '57P03' });
  });
});
