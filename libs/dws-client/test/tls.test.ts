import { waitFor } from '@copyline/testkit';
import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { connect, type Connection, Pool } from '../src/index.ts';
import { backendOf, connected, expectHealthy } from './support/connected.ts';
import { COPY, floodFeed } from './support/copying.ts';
import { hasOpenssl, startTlsServer, type TlsServer } from './support/tls-server.ts';

describe.runIf(hasOpenssl())('a server with TLS', () => {
  let tls: TlsServer;

  beforeAll(async () => {
    tls = await startTlsServer();
    await waitFor('TLS to be on', async () => isEncrypted(await connect({ target: target('') })));
  });
  afterAll(() => tls[Symbol.asyncDispose]());

  function target(more: string, host = tls.server.host): string {
    const { port, user, password, database } = tls.server;
    return `host=${host} port=${port} user=${user} password=${password} dbname=${database} ${more}`;
  }

  async function isEncrypted(connection: Connection): Promise<boolean> {
    const { rows } = await connection.query<{ ssl: boolean }>(
      'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
    );
    await connection.close();
    return rows[0]?.ssl ?? false;
  }

  it.each([
    ['', true],
    ['sslmode=prefer', true],
    ['sslmode=require', true],
    ['sslmode=disable', false],
  ])('is spoken to with %j', async (more, encrypted) => {
    expect(await isEncrypted(await connected(target(more)))).toBe(encrypted);
  });

  it.each(['require', 'verify-ca', 'verify-full'])(
    'is believed by %s when the authority has signed',
    async (sslmode) => {
      const trusting = target(`sslmode=${sslmode} sslrootcert=${tls.authority}`);
      expect(await isEncrypted(await connected(trusting))).toBe(true);
      const doubting = target(`sslmode=${sslmode} sslrootcert=${tls.stranger}`);
      await expect(connect({ target: doubting })).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    },
  );

  it('has to be called by its name for verify-full, and not for verify-ca', async () => {
    const trust = `sslrootcert=${tls.authority}`;
    const byName = (mode: string): string => target(`sslmode=${mode} ${trust}`, 'localhost');
    expect(await isEncrypted(await connected(byName('verify-ca')))).toBe(true);
    await expect(connect({ target: byName('verify-full') })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
  });

  it('serves a pool', async () => {
    await using pool = new Pool({ target: target('') });
    expect(
      (await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows,
    ).toEqual([{ ssl: true }]);
  });

  it('gets each byte of a buffer that is filled again', async () => {
    const connection = await connected(target('sslmode=require'));
    await connection.query('create temporary table blobs (text text)');
    const wanted = createHash('md5');
    const buffer = Buffer.alloc(100_000);
    await connection.copyIn('copy blobs from stdin', async (sink) => {
      for (let round = 0; round < 60; round += 1) {
        const size = [1, 300, 16_384, 100_000][round % 4] ?? 1;
        const chunk = buffer.subarray(0, size);
        chunk.write(randomBytes(size).toString('hex').slice(0, size));
        wanted.update(chunk);
        await sink.write(chunk);
        chunk.fill('!');
      }
    });
    const { rows } = await connection.query('select md5(text) from blobs');
    expect(rows).toEqual([{ md5: wanted.digest('hex') }]);
    await expectHealthy(connection);
  });

  it.each(['require', 'verify-full'])('is told over TLS to cancel, with %s', async (sslmode) => {
    const trust = sslmode === 'require' ? '' : `sslrootcert=${tls.authority}`;
    const connection = await connected(target(`sslmode=${sslmode} ${trust}`));
    const pid = await backendOf(connection);
    const locker = await lockedTable();
    const controller = new AbortController();
    const failing = expect(
      connection.copyIn(COPY, floodFeed, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await waitFor('the COPY to wait for the lock', async () => {
      const { rows } = await locker.query('select from pg_locks where pid = $1 and not granted', [
        pid,
      ]);
      return rows.length > 0;
    });
    controller.abort();
    await failing;
    await expectHealthy(connection);
  });

  it('lets go of a connection in the middle of a statement', async () => {
    const connection = await connected(target('sslmode=require'));
    const watcher = await connected(target('sslmode=require'));
    const pid = await backendOf(connection);
    const sleeping = connection.query('select pg_sleep(60)');
    const failing = expect(sleeping).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await waitFor('it to sleep', async () => {
      const sql = "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'";
      return (await watcher.query(sql, [pid])).rows.length > 0;
    });
    await connection.close();
    await failing;
  });

  /** A session that holds a lock on `orders` until the test is over. */
  async function lockedTable(): Promise<pg.Client> {
    const { host, port, user, password, database } = tls.server;
    const client = new pg.Client({ host, port, user, password, database });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query('create table if not exists orders (rid int)');
    await client.query('begin; lock table orders');
    return client;
  }
});
