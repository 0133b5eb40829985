import { afterEach, describe, expect, it, vi } from 'vitest';

import { clientConfig, isMissingTls, tlsAttempts } from './connect.ts';
import { type ConnectionParameters, parseConninfo } from './conninfo.ts';

function parse(text: string): ConnectionParameters {
  return parseConninfo(text, { env: { HOME: '/nonexistent', PGUSER: 'u' } });
}

function attempts(text: string): ReturnType<typeof tlsAttempts> {
  return tlsAttempts(parse(text));
}

describe('the transports that sslmode allows', () => {
  it('are TLS and then none by default', () => {
    expect(attempts('host=db')).toEqual([
      { servername: 'db', rejectUnauthorized: false },
      undefined,
    ]);
  });

  it('are none for disable and for sockets', () => {
    expect(attempts('host=db sslmode=disable')).toEqual([undefined]);
    expect(attempts('host=/tmp sslmode=verify-full')).toEqual([undefined]);
  });

  it('are TLS alone from require on', () => {
    expect(attempts('host=db sslmode=require')).toHaveLength(1);
    expect(attempts('host=db sslmode=verify-full')).toEqual([{ servername: 'db' }]);
    const [verifyCa] = attempts('host=db sslmode=verify-ca');
    expect(verifyCa?.rejectUnauthorized).toBeUndefined();
    expect(verifyCa?.checkServerIdentity).toBeDefined();
  });

  it('check the authority for require with a root certificate, as libpq does', () => {
    const parameters = { ...parse('host=db sslmode=require'), sslrootcert: 'PEM' };
    expect(tlsAttempts(parameters)).toMatchObject([{ ca: 'PEM', servername: 'db' }]);
  });

  it.each(['127.0.0.1', '::1', 'fe80::1'])('do not send the address %s as a name', (host) => {
    expect(attempts(`host=${host} sslmode=verify-full`)).toEqual([{}]);
  });

  it('change only when the server says that it has no TLS', () => {
    expect(isMissingTls(new Error('The server does not support SSL connections'))).toBe(true);
    expect(isMissingTls(new Error('self-signed certificate'))).toBe(false);
  });
});

describe('what node-postgres is told', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('leaves nothing to the environment that the conninfo has decided', () => {
    vi.stubEnv('PGOPTIONS', '-c work_mem=1MB');
    vi.stubEnv('PGSSLNEGOTIATION', 'direct');
    const config = clientConfig(parse("options=''"), {}, undefined);
    expect(config).toMatchObject({ ssl: false, sslnegotiation: 'postgres', options: ' ' });
    expect(clientConfig(parse("options='-c a.b=c'"), {}, undefined).options).toBe('-c a.b=c');
  });

  it('sends no options where there are none: poolers refuse the parameter', () => {
    vi.stubEnv('PGOPTIONS', '');
    expect(clientConfig(parse(''), {}, undefined)).not.toHaveProperty('options');
  });

  it('has the name and the patience of the caller, then of the conninfo, then ours', () => {
    const conninfo = parse('application_name=theirs connect_timeout=3');
    const name = 'application_name';
    const patience = 'connectionTimeoutMillis';
    expect(clientConfig(conninfo, {}, undefined)).toMatchObject({
      [name]: 'theirs',
      [patience]: 3_000,
    });
    expect(
      clientConfig(conninfo, { applicationName: 'mine', connectTimeoutMs: 5 }, undefined),
    ).toMatchObject({ [name]: 'mine', [patience]: 5 });
    expect(clientConfig(parse(''), {}, undefined)).toMatchObject({
      [name]: 'copyline',
      [patience]: 10_000,
    });
  });
});
