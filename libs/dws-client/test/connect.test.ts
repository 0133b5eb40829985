import { startFaultProxy, anyServer, useTestDatabase, waitFor } from '@copyline/testkit';
import { createServer, type Socket } from 'node:net';
import { getEventListeners, once } from 'node:events';
import pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { connect } from '../src/index.ts';
import { conninfoOf, connected, expectHealthy } from './support/connected.ts';

describe.each(anyServer())('connecting to $name', (server) => {
  const db = useTestDatabase(server);

  const withParts = (parts: Readonly<Record<string, string>>): string => {
    const url = new URL(db.url());
    return Object.assign(url, parts).href;
  };

  it('opens an idle session that says who it is', async () => {
    const connection = await connected(conninfoOf(db), { applicationName: 'copyline-test' });
    await expectHealthy(connection);
    const { rows } = await connection.query(
      `select current_setting('application_name') as name,
              current_setting('client_encoding') as encoding, current_schema() as schema`,
    );
    expect(rows).toEqual([{ name: 'copyline-test', encoding: 'UTF8', schema: db.schema }]);
  });

  it('falls back to an unencrypted line where the server has no TLS', async () => {
    const proxy = await startFaultProxy(server);
    const url = new URL(proxy.url(db));
    url.searchParams.set('sslmode', 'prefer');
    await expectHealthy(await connected(url.href));
  });

  it('says clearly that TLS is required and missing', async () => {
    const failing = connect({ target: `${db.url()}?sslmode=require` });
    await expect(failing).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('The server does not support SSL connections') as string,
    });
  });

  it('takes a wrong password for what it is', async () => {
    await expect(connect({ target: withParts({ password: 'wrong' }) })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      sqlstate: '28P01',
      retry: 'never',
    });
  });

  it('says that the server asks for a password when none is given', async () => {
    const { host, port, user } = server;
    const target = {
      host,
      port: String(port),
      user,
      dbname: db.database,
      passfile: '/nonexistent',
      sslmode: 'disable',
    };
    await expect(connect({ target })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringContaining('asks for a password') as string,
    });
  });

  it('takes an unknown database for what it is', async () => {
    await expect(connect({ target: withParts({ pathname: '/no_such' }) })).rejects.toMatchObject({
      code: 'DATABASE_NOT_FOUND',
      sqlstate: '3D000',
    });
  });

  it('does not reach a server that refuses connections', async () => {
    const proxy = await startFaultProxy(server);
    proxy.refuse();
    await expect(connect({ target: proxy.url(db) })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      retry: 'retry',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it('gives up on a server that accepts and says nothing', async () => {
    const proxy = await startFaultProxy(server);
    await proxy.acceptAndHang();
    for (const sslmode of ['disable', 'prefer']) {
      const start = performance.now();
      const target = `${proxy.url(db)}?sslmode=${sslmode}`;
      await expect(connect({ target, connectTimeoutMs: 150 })).rejects.toMatchObject({
        code: 'CONNECT_FAILED',
        message: expect.stringContaining('no answer in time') as string,
      });
      expect(performance.now() - start).toBeLessThan(8_000);
    }
  });

  it('gives up on a server that stops in the middle of the login', async () => {
    const proxy = await startFaultProxy(server);
    const hole = proxy.blackHole();
    const target = `${proxy.url(db)}?sslmode=disable`;
    await expect(connect({ target, connectTimeoutMs: 150 })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
    hole.release();
  });

  it('stops at an abort, with the reason', async () => {
    const proxy = await startFaultProxy(server);
    await proxy.acceptAndHang();
    const { signal, abort } = controller();
    const failing = connect({ target: proxy.url(db), signal });
    const caught = expect(failing).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await waitFor('a hanging connection', () => proxy.connections > 0);
    abort();
    await caught;
    await expect(connect({ target: db.url(), signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });

  it('never returns a connection after an abort, however late it came', async () => {
    const { signal, abort } = controller();
    const spy = vi.spyOn(pg.Client.prototype as { connect(): Promise<unknown> }, 'connect');
    onTestFinished(() => spy.mockRestore());
    spy.mockImplementation(function (this: pg.Client) {
      spy.mockRestore();
      // The server is ready, and the product has not heard of it yet.
      return this.connect().then(abort);
    });
    await expect(connect({ target: `${db.url()}?sslmode=disable`, signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(signal.aborted).toBe(true);
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = controller();
    await connected(db.url(), { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is told when the server ends the line at once', async () => {
    const rude = createServer((socket: Socket) => socket.end()).listen(0, '127.0.0.1');
    onTestFinished(() => void rude.close());
    await once(rude, 'listening');
    const { port } = rude.address() as { port: number };
    await expect(
      connect({ target: `host=127.0.0.1 port=${port} user=u sslmode=disable` }),
    ).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });

  it('closes idempotently, and then refuses to work', async () => {
    const connection = await connected(db.url());
    await Promise.all([connection.close(), connection.close()]);
    expect(connection.isUsable).toBe(false);
    expect(connection.transactionStatus).toBe('unknown');
    await expect(connection.query('select 1')).rejects.toMatchObject({
      code: 'CONNECTION_UNUSABLE',
    });
  });
});

function controller(): { signal: AbortSignal; abort: () => void } {
  const each = new AbortController();
  return { signal: each.signal, abort: () => each.abort() };
}
