import { type TestServer, anyPostgres, waitFor } from '@copyline/testkit';
import { chmodSync, copyFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import { connect, Pool } from '../src/index.ts';
import { hasOpenssl, startTlsServer, type TlsServer } from './support/tls-server.ts';

/** Who is at the other end of a session, and over which version of TLS, if over any. */
async function lineTo(target: string): Promise<string> {
  const connection = await connect({ target });
  const { rows } = await connection.query<{ line: string }>(
    `select coalesce(version, 'plain') as line from pg_stat_ssl where pid = pg_backend_pid()`,
  );
  await connection.close();
  return rows[0]?.line ?? '';
}

const REFUSED = 'refused';

/** The same, or that there is none to be had. */
function outcomeOf(target: string): Promise<string> {
  return lineTo(target).then(
    (line) => line.replace(/^TLS.*/, 'TLS'),
    () => REFUSED,
  );
}

describe.runIf(hasOpenssl())('the TLS modes of libpq', () => {
  let tls: TlsServer;
  const own = (more: string, user?: string): string => {
    const { host, port, password, database, user: superuser } = tls.server;
    const login = `user=${user ?? superuser} password=${password} dbname=${database}`;
    return `host=${host} port=${port} ${login} ${more}`;
  };
  const isServing = (line: string, more: string) => async (): Promise<boolean> =>
    (await outcomeOf(own(more))) === line;

  beforeAll(async () => {
    tls = await startTlsServer();
    await waitFor('TLS to be on', isServing('TLS', 'sslmode=require'));
    // Nobody's own files.
    vi.stubEnv('HOME', '/nonexistent');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await tls[Symbol.asyncDispose]();
  });

  it.each([
    // mode, a server that takes both, one that wants TLS, one that wants none
    ['disable', 'plain', REFUSED, 'plain'],
    ['allow', 'plain', 'TLS', 'plain'],
    ['prefer', 'TLS', 'TLS', 'plain'],
    ['require', 'TLS', 'TLS', REFUSED],
  ])('%s: %s, %s, %s', async (mode, both, tlsOnly, plainOnly) => {
    const sslmode = `sslmode=${mode}`;
    expect(await outcomeOf(own(sslmode))).toBe(both);
    expect(await outcomeOf(own(sslmode, 'tls_only'))).toBe(tlsOnly);
    expect(await outcomeOf(own(sslmode, 'plain_only'))).toBe(plainOnly);
  });

  it.each([
    // mode, an authority that has signed, one that has not, none
    ['allow', 'plain', 'plain', 'plain'],
    ['prefer', 'TLS', 'plain', 'TLS'],
    ['require', 'TLS', REFUSED, 'TLS'],
    ['verify-ca', 'TLS', REFUSED, REFUSED],
    ['verify-full', 'TLS', REFUSED, REFUSED],
  ])('%s with an authority: %s, with another: %s, without: %s', async (mode, ours, other, none) => {
    const sslmode = `sslmode=${mode}`;
    expect(await outcomeOf(own(`${sslmode} sslrootcert=${tls.authority}`))).toBe(ours);
    expect(await outcomeOf(own(`${sslmode} sslrootcert=${tls.stranger}`))).toBe(other);
    expect(await outcomeOf(own(sslmode))).toBe(none);
  });

  it('verify-full wants the name of the conninfo, wherever hostaddr leads', async () => {
    const trust = `sslmode=verify-full sslrootcert=${tls.authority}`;
    expect(await outcomeOf(own(`${trust} hostaddr=127.0.0.1`))).toBe('TLS');
    expect(await outcomeOf(own(`${trust} host=db.example hostaddr=127.0.0.1`))).toBe(REFUSED);
    const nameless = own(`${trust} host='' hostaddr=127.0.0.1`);
    await expect(connect({ target: nameless })).rejects.toThrow('host name must be specified');
  });

  it('sslrootcert=system trusts what OpenSSL would, and nothing weaker than verify-full', async () => {
    vi.stubEnv('SSL_CERT_FILE', tls.authority);
    expect(await outcomeOf(own('sslrootcert=system'))).toBe('TLS');
    vi.stubEnv('SSL_CERT_FILE', tls.stranger);
    expect(await outcomeOf(own('sslrootcert=system'))).toBe(REFUSED);
    vi.stubEnv('SSL_CERT_FILE', undefined);
    await expect(connect({ target: own('sslrootcert=system sslmode=require') })).rejects.toThrow(
      'weak sslmode "require" may not be used with sslrootcert=system (use "verify-full")',
    );
  });

  it('a client shows its certificate, its key behind a pass-phrase or not', async () => {
    const { cert, key, lockedKey } = tls.client;
    const shown = (more: string): string =>
      own(`sslmode=require sslcert=${cert} ${more}`, 'by_cert');
    expect(await outcomeOf(shown(`sslkey=${key}`))).toBe('TLS');
    expect(await outcomeOf(shown(`sslkey=${lockedKey} sslpassword='${tls.passphrase}'`))).toBe(
      'TLS',
    );
    expect(await outcomeOf(shown(`sslkey=${lockedKey} sslpassword=wrong`))).toBe(REFUSED);
    expect(await outcomeOf(shown(`sslkey=${key} sslcertmode=disable`))).toBe(REFUSED);
    const open = `${key}.open`;
    copyFileSync(key, open);
    chmodSync(open, 0o644);
    const target = shown(`sslkey=${open}`);
    await expect(connect({ target })).rejects.toMatchObject({ code: 'CONNINFO_INVALID' });
    await expect(connect({ target: shown('sslkey=/nonexistent') })).rejects.toThrow(
      'certificate present, but not private key file "/nonexistent"',
    );
  });

  it('the versions of TLS are those that are asked for', async () => {
    expect(await lineTo(own('ssl_max_protocol_version=TLSv1.2'))).toBe('TLSv1.2');
    await tls.set('ssl_max_protocol_version', 'TLSv1.2');
    const newest = 'sslmode=require ssl_min_protocol_version=TLSv1.3';
    await waitFor('the server to have changed', isServing(REFUSED, newest));
    expect(await lineTo(own('sslmode=require'))).toBe('TLSv1.2');
    await tls.set('ssl_max_protocol_version', undefined);
    await waitFor('the server to have changed', isServing('TLS', newest));
  });

  it('a certificate that was revoked is refused', async () => {
    const trust = `sslmode=verify-ca sslrootcert=${tls.authority}`;
    expect(await outcomeOf(own(`${trust} sslcrl=${tls.revoked.nothing}`))).toBe('TLS');
    const revoked = connect({ target: own(`${trust} sslcrl=${tls.revoked.server}`) });
    await expect(revoked).rejects.toThrow('certificate revoked');
    const missing = connect({ target: own(`${trust} sslcrl=/nonexistent`) });
    await expect(missing).rejects.toThrow('the sslcrl file "/nonexistent" does not exist');
  });

  it('a socket has none, whatever the mode', async () => {
    const target = own(`host=${tls.socketDirectory} sslmode=verify-full`);
    expect(await outcomeOf(target)).toBe('plain');
    await using pool = new Pool({ target });
    expect((await pool.query('select inet_client_addr() as client')).rows).toEqual([
      { client: null },
    ]);
  });

  it('F63: a certificate that has run out is refused, and the error says so', async () => {
    const trust = `sslmode=verify-ca sslrootcert=${tls.authority}`;
    await tls.serve('expired');
    await waitFor('the server to have changed', isServing(REFUSED, trust));
    const failing = connect({ target: own(trust) });
    await expect(failing).rejects.toThrow('certificate has expired');
    // Whoever does not verify does not care; nobody speaks in clear who asked for TLS.
    expect(await outcomeOf(own('sslmode=require'))).toBe('TLS');
    await tls.serve('server');
    await waitFor('the server to have changed', isServing('TLS', trust));
  });

  it.each([
    ['sslrootcert=STRANGER', /self-signed certificate/],
    ['sslrootcert=AUTHORITY host=localhost', /does not match certificate's altnames/],
  ])('F63: %s is refused, and the error says why', async (more, message) => {
    const files = more.replace('STRANGER', tls.stranger).replace('AUTHORITY', tls.authority);
    const target = own(`sslmode=verify-full ${files}`);
    const error = (await connect({ target }).catch((each: unknown) => each)) as Error;
    expect(error).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('without TLS');
  });
});

describe.each(anyPostgres())('F63: $name without TLS', (server: TestServer) => {
  it.each([
    ['disable', 'plain'],
    ['allow', 'plain'],
    ['prefer', 'plain'],
    ['require', REFUSED],
  ])('is spoken to with %s: %s', async (mode, outcome) => {
    expect(await outcomeOf(`${server.url()}?sslmode=${mode}`)).toBe(outcome);
  });
});

describe('the name that is sent with TLS', () => {
  it.each([
    ['host=db.example hostaddr=127.0.0.1', 'db.example'],
    ['host=db.example hostaddr=127.0.0.1 sslsni=0', false],
    ['host=127.0.0.1', false],
  ])('%s: %s', async (where, expected) => {
    const names: unknown[] = [];
    const asked = createServer((socket: Socket) => {
      socket.once('data', () => {
        socket.write('S');
        const encrypted = new TLSSocket(socket, {
          isServer: true,
          SNICallback: (name, done) => {
            names.push(name);
            done(new Error('no more is asked'));
          },
        });
        encrypted.on('error', () => undefined);
        socket.on('error', () => undefined);
      });
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void asked.close());
    await once(asked, 'listening');
    const { port } = asked.address() as { port: number };
    const target = `${where} port=${port} user=u sslmode=require`;
    await expect(connect({ target })).rejects.toThrow();
    expect(names).toEqual(expected === false ? [] : [expected]);
  });
});
