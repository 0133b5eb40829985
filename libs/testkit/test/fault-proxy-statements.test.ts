import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type FaultProxy, startFaultProxy, anyPostgres, useTestDatabase } from '../src/index.ts';
import { openClient } from '../src/databases/sql-client.ts';
import { copyFrom } from './copy-from.ts';

describe.each(anyPostgres())('statements to $name', (server) => {
  const db = useTestDatabase(server);
  let proxy: FaultProxy;
  let client: pg.Client;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    await db.sql('create table orders (rid bigint)');
    client = await connected();
    await client.query('begin');
    await client.query('insert into orders values (1)');
  });

  async function connected(): Promise<pg.Client> {
    const opened = await openClient(proxy.url(db), db.schema);
    onTestFinished(() => opened.end());
    return opened;
  }

  async function stored(): Promise<number> {
    return (await db.sql('select from orders')).length;
  }

  it('are all logged, also prepared ones each time they run', async () => {
    await client.query('commit');
    await client.query('select $1::int', [1]);
    const named = { name: 'one', text: 'select $1::int as again' };
    await client.query({ ...named, values: [1] });
    await client.query({ ...named, values: [2] });
    expect(proxy.queries.slice(-6)).toEqual([
      'begin',
      'insert into orders values (1)',
      'commit',
      'select $1::int',
      'select $1::int as again',
      'select $1::int as again',
    ]);
  });

  it('lose a COMMIT request', async () => {
    const lost = proxy.dropQuery(/^commit/i);
    await expect(client.query('COMMIT')).rejects.toThrow(/ECONNRESET|terminated/);
    await lost.reached;
    expect(await stored()).toBe(0);
  });

  it('lose a COMMIT reply: done, but nobody was told', async () => {
    const lost = proxy.dropReply((sql) => sql === 'commit');
    const failing = expect(client.query('commit')).rejects.toThrow(/ECONNRESET|terminated/);
    await lost.reached;
    expect(await stored()).toBe(1);
    await failing;
  });

  it('hold a reply that is known: done, not yet told', async () => {
    const held = proxy.parkReply(/^commit/);
    let told = false;
    const commit = client.query('commit').finally(() => (told = true));
    await held.reached;
    expect(await stored()).toBe(1);
    expect(told).toBe(false);
    held.release();
    expect((await commit).command).toBe('COMMIT');
  });

  it('hold a request', async () => {
    const held = proxy.parkQuery(/^commit/);
    const commit = client.query('commit');
    await held.reached;
    expect(await stored()).toBe(0);
    held.release();
    await commit;
    expect(await stored()).toBe(1);
  });

  it('hold a request and then its reply', async () => {
    const request = proxy.parkQuery(/^commit/);
    const reply = proxy.parkReply(/^commit/);
    const commit = client.query('commit');
    await request.reached;
    request.release();
    await reply.reached;
    expect(await stored()).toBe(1);
    reply.release();
    await commit;
  });

  it('fail with an error that really aborts the transaction', async () => {
    const fault = { sqlstate: '40001', message: 'could not serialize access' };
    const injected = proxy.injectError(/^select 'side'/, fault);
    await expect(client.query(`select 'side'`)).rejects.toMatchObject({
      code: '40001',
      severity: 'ERROR',
      message: 'could not serialize access',
    });
    await injected.reached;
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    expect((await client.query('commit')).command).toBe('ROLLBACK');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await stored()).toBe(0);
  });

  it('fail fatally: the error, then the end of the connection', async () => {
    const fault = { sqlstate: '57P01', message: 'shutting down', severity: 'FATAL' } as const;
    const ended = new Promise((resolve) => client.once('end', resolve));
    proxy.injectError(/^commit/, fault);
    await expect(client.query('commit')).rejects.toMatchObject({ code: '57P01' });
    await ended;
    expect(await stored()).toBe(0);
  });

  it('do something else: a COMMIT that rolls back', async () => {
    const rewritten = proxy.rewriteQuery(/^commit/, 'ROLLBACK');
    expect((await client.query('commit')).command).toBe('ROLLBACK');
    await rewritten.reached;
    expect(await stored()).toBe(0);
  });

  it('say something else: a COMMIT that calls itself ROLLBACK', async () => {
    proxy.rewriteReply(/^commit/, 'ROLLBACK');
    expect((await client.query('commit')).command).toBe('ROLLBACK');
    expect(await stored()).toBe(1);
  });

  it('are hit once, and not after the rule was released', async () => {
    proxy.injectError(/^select 'x'/, { sqlstate: '40P01', message: 'deadlock' });
    proxy.dropQuery(/^commit/).release();
    await client.query('commit');
    await expect(client.query(`select 'x'`)).rejects.toMatchObject({ code: '40P01' });
    await client.query(`select 'x'`);
    expect(await stored()).toBe(1);
  });

  it('are matched by a pattern with the global flag, too', async () => {
    const pattern = /commit/g;
    pattern.lastIndex = 3;
    proxy.rewriteReply(pattern, 'SEEN');
    expect((await client.query('commit')).command).toBe('SEEN');
  });

  describe('with parameters', () => {
    const insert = { text: 'insert into orders values ($1)', values: [2] };

    beforeEach(async () => {
      await client.query('commit');
    });

    it('lose a reply', async () => {
      const lost = proxy.dropReply(/^insert/);
      const failing = expect(client.query(insert)).rejects.toThrow();
      await lost.reached;
      expect(await stored()).toBe(2);
      await failing;
    });

    it('hold request and reply', async () => {
      const request = proxy.parkQuery(/^insert/);
      const reply = proxy.parkReply(/^insert/);
      const inserting = client.query(insert);
      await request.reached;
      request.release();
      await reply.reached;
      expect(await stored()).toBe(2);
      reply.release();
      expect((await inserting).rowCount).toBe(1);
    });

    it('fail, and the session goes on', async () => {
      proxy.injectError(/^insert/, { sqlstate: '23505', message: 'duplicate' });
      await expect(client.query(insert)).rejects.toMatchObject({ code: '23505' });
      expect((await client.query(insert)).rowCount).toBe(1);
      expect(await stored()).toBe(2);
    });

    it('fail when they were prepared earlier', async () => {
      const named = { ...insert, name: 'insert-order' };
      await client.query(named);
      proxy.injectError(/^insert/, { sqlstate: '53300', message: 'too many' });
      await expect(client.query(named)).rejects.toMatchObject({ code: '53300' });
      await client.query(named);
      expect(await stored()).toBe(3);
    });

    it('are rewritten', async () => {
      proxy.rewriteQuery(/^insert/, 'insert into orders values ($1), ($1)');
      expect((await client.query(insert)).rowCount).toBe(2);
    });
  });

  describe('that copy', () => {
    const copy = 'copy orders from stdin';
    const lines = (): Readable => Readable.from([Buffer.from('2\n3\n')]);

    it('are held before the data is asked for', async () => {
      const held = proxy.parkReply(/^copy/);
      const copying = pipeline(lines(), copyFrom(client, copy));
      await held.reached;
      held.release();
      await copying;
      await client.query('commit');
      expect(await stored()).toBe(3);
    });

    it('fail before the data is asked for', async () => {
      proxy.injectError(/^copy/, { sqlstate: '55P03', message: 'lock not available' });
      const copying = pipeline(lines(), copyFrom(client, copy));
      await expect(copying).rejects.toMatchObject({ code: '55P03' });
      await client.query('rollback');
    });

    it('are done although the command tag reads differently', async () => {
      proxy.rewriteReply(/^copy/, 'COPY 1');
      await pipeline(lines(), copyFrom(client, copy));
      await client.query('commit');
      expect(await stored()).toBe(3);
    });
  });
});
