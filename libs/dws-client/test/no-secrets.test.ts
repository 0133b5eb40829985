import { CopylineError } from '@copyline/contracts';
import { loginRole, startFaultProxy, anyServer, useTestDatabase } from '@copyline/testkit';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import { connect, diagnosticsOf, parseConninfo, Pool } from '../src/index.ts';
import { backendOf, connected, conninfoOf, terminate } from './support/connected.ts';

const CANARY = 'canary-5d1e-of-a-password';

describe.each(anyServer())('a password on its way to $name', (server) => {
  const db = useTestDatabase(server);

  /** A role of its own, whose password is the canary. */
  async function target(change: (url: URL) => void = () => undefined): Promise<string> {
    const role = `canary_${db.schema}`.slice(0, 63);
    await loginRole(db, role, CANARY);
    const url = new URL(conninfoOf(db));
    url.username = role;
    url.password = CANARY;
    change(url);
    return url.href;
  }

  function expectNoCanary(value: unknown): void {
    const deep = inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity });
    expect(deep).not.toContain(CANARY);
    expect(String(value)).not.toContain(CANARY);
    if (value instanceof Error) expect(value.stack).not.toContain(CANARY);
    expect(JSON.stringify([value])).not.toContain(CANARY);
  }

  it('is not seen in connections, pools and parameters', async () => {
    const text = await target();
    expectNoCanary(parseConninfo(text));
    const connection = await connected(text);
    await connection.query('select 1');
    expectNoCanary(connection);
    await using pool = new Pool({ target: text });
    await pool.query('select 1');
    expectNoCanary(pool);
  });

  it('is not seen in the activity of the server', async () => {
    const connection = await connected(await target());
    await connection.query('select 1');
    const activity = await db.sql('select * from pg_stat_activity where pid = $1', [
      await backendOf(connection),
    ]);
    expect(activity).toHaveLength(1);
    expectNoCanary(activity);
  });

  it('is not seen in what goes wrong', async () => {
    const proxy = await startFaultProxy(server);
    proxy.refuse();
    const text = await target();
    const to = (change: (url: URL) => void): string => {
      const url = new URL(text);
      change(url);
      return url.href;
    };
    const attempts = [
      to((url) => (url.password = `${CANARY}x`)),
      to((url) => (url.pathname = '/no_such_database')),
      to((url) => (url.port = String(proxy.port))),
      to((url) => url.searchParams.set('sslmode', 'require')),
      to((url) => url.searchParams.set('options', '-c no_such_setting=1')),
      to((url) => url.searchParams.set('options', 'nonsense')),
    ];
    for (const each of attempts) {
      await expect(connect({ target: each }).catch(rethrow)).rejects.toThrow();
      await using pool = new Pool({ target: each });
      await expect(pool.connect().catch(rethrow)).rejects.toThrow();
    }

    function rethrow(error: unknown): never {
      expectNoCanary(error);
      throw error;
    }
  });

  it('is not seen as a bind value, whatever the server says of it', async () => {
    const connection = await connected(conninfoOf(db));
    await connection.query('create temporary table vault (id text primary key, n int not null)');
    await connection.query('insert into vault values ($1, 1)', [CANARY]);
    const failures = [
      () => connection.query('select $1::int', [CANARY]), // quoted by the message
      () => connection.query('insert into vault values ($1, 1)', [CANARY]), // by DETAIL
      () => connection.query('insert into vault values ($1, null)', [CANARY]), // by DETAIL, the row
      () => connection.stream('select $1::int', [CANARY]).next(),
    ];
    for (const fail of failures) {
      const error: unknown = await fail().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CopylineError);
      for (const text of [inspect(error, { depth: 9 }), String(error), JSON.stringify(error)]) {
        expect(text).not.toContain(CANARY);
      }
      expect((error as Error).stack).not.toContain(CANARY);
    }
    const number: unknown = await connection
      .query('select $1::int', [98765432109876n])
      .catch((reason: unknown) => reason);
    expect(inspect(number, { depth: 9 })).not.toContain('98765432109876');
    expect((number as Error).message).toMatch(/^value \$1 is out of range/);
    const error: unknown = await failures[1]?.().catch((reason: unknown) => reason);
    expect(diagnosticsOf(error)).toMatchObject({
      sqlstate: '23505',
      constraint: 'vault_pkey',
      detail: `Key (id)=(${CANARY}) already exists.`, // for who asks for it by name
      routine: '_bt_check_unique',
    });
  });

  it('is not seen when the connection is lost', async () => {
    const connection = await connected(await target());
    const sleeping = connection.query('select pg_sleep(60)').catch((error: unknown) => error);
    const [session] = await db.sql<{ pid: number }>(
      `select pid from pg_stat_activity where usename like 'canary%' and datname = $1`,
      [db.database],
    );
    await terminate(db, session?.pid ?? 0);
    expectNoCanary(await sleeping);
    expectNoCanary(await connection.query('select 1').catch((error: unknown) => error));
    expectNoCanary(connection);
  });
});
