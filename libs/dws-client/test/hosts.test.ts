import {
  type FaultProxy,
  loginRole,
  startFaultProxy,
  anyServer,
  useTestDatabase,
} from '@copyline/testkit';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { connect, type ConnectStatus, type Lookup, openLibraryPool, Pool } from '../src/index.ts';
import { connected, expectHealthy } from './support/connected.ts';
import { FAST } from './support/restarting.ts';

/** A name server of the test's own. */
const lookupOf =
  (names: Readonly<Record<string, readonly string[]>>): Lookup =>
  (name) =>
    Object.hasOwn(names, name)
      ? Promise.resolve((names[name] ?? []).map((address) => ({ address })))
      : Promise.reject(
          Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }),
        );

describe.each(anyServer())('several hosts, one of them $name', (server) => {
  const db = useTestDatabase(server);

  const target = (hosts: string, ports: readonly number[], more = ''): string =>
    `host=${hosts} port=${ports.join(',')} user=${server.user} password=${server.password} ` +
    `dbname=${db.database} sslmode=disable ${more}`;

  async function deadProxy(): Promise<FaultProxy> {
    const proxy = await startFaultProxy(server);
    proxy.refuse();
    return proxy;
  }

  it('are tried in turn, each with every address', async () => {
    const dead = await deadProxy();
    // Nobody listens at 127.0.0.2 but on the wildcard; the server has 127.0.0.1 alone.
    const lookup = lookupOf({ db: ['127.0.0.2', '127.0.0.1'], other: ['127.0.0.1'] });
    const seen: ConnectStatus[] = [];
    const onStatus = (status: ConnectStatus): void => void seen.push(status);
    // Which protocol a GaussDB speaks is found out by dialling it twice, and known from then on.
    await connected(target('127.0.0.1', [server.port]));
    const text = target('nowhere,other,db', [1, dead.port, server.port]);
    await expectHealthy(await connected(text, { lookup, onStatus }));
    expect(seen.map(({ phase, host, address }) => `${phase} ${host} ${address}`)).toEqual([
      'started other 127.0.0.1',
      'started db 127.0.0.2',
      'started db 127.0.0.1',
      'made db 127.0.0.1',
      'awaiting-response db 127.0.0.1',
      'auth-ok db 127.0.0.1',
      'ok db 127.0.0.1',
    ]);
    await using pool = new Pool({ target: text, lookup });
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const library = await openLibraryPool({
      target: text,
      lookup,
      max: 1,
      searchPath: [db.schema],
    });
    await library.end();
  });

  it('F62: are all named when there is none, with the reason of each', async () => {
    const dead = await deadProxy();
    const lookup = lookupOf({ other: ['127.0.0.1', '127.0.0.3'] });
    const failing = connect({ target: target('nowhere,other', [1, dead.port]), lookup });
    const error = (await failing.catch((each: unknown) => each)) as Error & { cause: unknown };
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', retry: 'retry' });
    expect(error.message).toContain(`@nowhere:1,other:${dead.port}/${db.database}: nowhere:1: `);
    expect(error.message).toContain('ENOTFOUND');
    for (const address of ['127.0.0.1', '127.0.0.3']) {
      expect(error.message).toContain(`other:${dead.port} (${address}): connect ECONNREFUSED`);
    }
    expect((error.cause as AggregateError).errors).toHaveLength(3);
    // The real one. A machine without a name server says EAI_AGAIN.
    const unknown = connect({ target: target('no-such-host.invalid', [1]) });
    await expect(unknown).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
  });

  it('F62: a name that nobody resolves does not hold up the next, nor the signal', async () => {
    const lookup: Lookup = (name) =>
      name === 'slow' ? new Promise(() => undefined) : lookupOf({ db: ['127.0.0.1'] })(name);
    const text = target('slow,db', [1, server.port]);
    await expectHealthy(await connected(text, { lookup, connectTimeoutMs: 300, retry: FAST }));
    await expect(
      connect({ target: target('slow', [1]), lookup, connectTimeoutMs: 100 }),
    ).rejects.toThrow('the name was not resolved within 100 ms');
    const signal = AbortSignal.timeout(100);
    await expect(connect({ target: text, lookup, signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });

  it('one that accepts and says nothing is left after its share of the time', async () => {
    const mute = await startFaultProxy(server);
    await mute.acceptAndHang();
    const text = target('127.0.0.1,127.0.0.1', [mute.port, server.port]);
    // Tried again where the machine is slow.
    const patience = { connectTimeoutMs: 300, retry: FAST };
    await expectHealthy(await connected(text, patience));
    await using pool = new Pool({ target: text, ...patience });
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('a refused login ends the search', async () => {
    const next = await startFaultProxy(server);
    const tried: number[] = [];
    const failing = connect({
      target: `${target('127.0.0.1,127.0.0.1', [server.port, next.port])} password=wrong`,
      onStatus: ({ port }) => void tried.push(port),
    });
    await expect(failing).rejects.toMatchObject({ code: 'AUTH_FAILED', sqlstate: '28P01' });
    expect(new Set(tried)).toEqual(new Set([server.port]));
    expect(next.connections).toBe(0);
  });

  it('F64: a password that has changed is not tried again, and the new one is found', async () => {
    const role = `rotated_${db.schema}`.slice(0, 63);
    await loginRole(db, role, 'first-canary');
    const directory = mkdtempSync(join(tmpdir(), 'pgpass-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const passfile = join(directory, 'pgpass');
    const write = (password: string): void => {
      writeFileSync(passfile, `${server.host}:*:*:${role}:${password}\n`);
      chmodSync(passfile, 0o600);
    };
    write('first-canary');
    const text = `host=${server.host} port=${server.port} user=${role} dbname=${db.database} passfile=${passfile} sslmode=prefer`;
    let attempts = 0;
    const retry = { attempts: 5, baseDelayMs: 1, observe: () => void (attempts += 1) };
    await using pool = new Pool({ target: text, max: 2, retry, reset: 'none' });
    const held = await pool.connect();

    await loginRole(db, role, 'second-canary');
    const phases: string[] = [];
    const onStatus = ({ phase }: ConnectStatus): void => void phases.push(phase);
    const connecting = [() => pool.connect(), () => connect({ target: text, retry, onStatus })];
    for (const attempt of connecting) {
      const error: unknown = await attempt().catch((each: unknown) => each);
      expect(error).toMatchObject({ code: 'AUTH_FAILED', sqlstate: '28P01', retry: 'never' });
      expect(JSON.stringify(error) + String(error)).not.toContain('canary');
    }
    expect(attempts).toBeLessThanOrEqual(2); // told of each failure, and of no attempt after it
    expect(phases.filter((each) => each === 'awaiting-response')).toHaveLength(1);
    // Who is in stays in, and who comes later reads the file again.
    await expectHealthy(held);
    write('second-canary');
    await pool.withConnection(expectHealthy);
    await held.close();
  });

  it('the search path is what the caller says, and survives a reset', async () => {
    await db.sql('create schema "odd \\ ""name"""');
    onTestFinished(() => db.sql('drop schema "odd \\ ""name"""').then(() => undefined));
    const text = target('127.0.0.1', [server.port]);
    const searchPath = ['odd \\ "name"', db.schema];
    await using pool = new Pool({ target: text, searchPath, max: 1 });
    for (let use = 0; use < 2; use += 1) {
      const { rows } = await pool.query('select current_schemas(false)::text[] as path');
      expect(rows).toEqual([{ path: searchPath }]);
    }
    const bare = await connected(text, { searchPath: [] });
    expect((await bare.query('select current_schemas(true)::text as path')).rows).toEqual([
      { path: '{pg_catalog}' },
    ]);
  });
});
