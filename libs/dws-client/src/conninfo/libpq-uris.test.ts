import { describe, expect, it } from 'vitest';

import { parseConninfo } from './conninfo.ts';
import type { Environment } from './environment.ts';
import type { Keyword } from './keywords.ts';
import { Secret } from '../secret.ts';

type Values = Partial<Record<Keyword, string>>;

/**
 * The inputs of PostgreSQL's own regression test for URIs (src/interfaces/libpq/t/001_uri.pl), with what
 * its libpq makes of each: the values that are not the defaults, or its message.
 */
const CASES: readonly (readonly [uri: string, outcome: Values | string, env?: Environment])[] = [
  [
    'postgresql://uri-user:secret@host:12345/db',
    { user: 'uri-user', password: 'secret', dbname: 'db', host: 'host', port: '12345' },
  ],
  [
    'postgresql://uri-user@host:12345/db',
    { user: 'uri-user', dbname: 'db', host: 'host', port: '12345' },
  ],
  ['postgresql://uri-user@host/db', { user: 'uri-user', dbname: 'db', host: 'host' }],
  ['postgresql://host:12345/db', { dbname: 'db', host: 'host', port: '12345' }],
  ['postgresql://host/db', { dbname: 'db', host: 'host' }],
  ['postgresql://uri-user@host:12345/', { user: 'uri-user', host: 'host', port: '12345' }],
  ['postgresql://uri-user@host/', { user: 'uri-user', host: 'host' }],
  ['postgresql://uri-user@', { user: 'uri-user' }],
  ['postgresql://host:12345/', { host: 'host', port: '12345' }],
  ['postgresql://host:12345', { host: 'host', port: '12345' }],
  ['postgresql://host/db', { dbname: 'db', host: 'host' }],
  ['postgresql://host/', { host: 'host' }],
  ['postgresql://host', { host: 'host' }],
  ['postgresql://', {}],
  ['postgresql://?hostaddr=127.0.0.1', { hostaddr: '127.0.0.1' }],
  ['postgresql://example.com?hostaddr=63.1.2.4', { host: 'example.com', hostaddr: '63.1.2.4' }],
  ['postgresql://%68ost/', { host: 'host' }],
  ['postgresql://host/db?user=uri-user', { user: 'uri-user', dbname: 'db', host: 'host' }],
  [
    'postgresql://host/db?user=uri-user&port=12345',
    { user: 'uri-user', dbname: 'db', host: 'host', port: '12345' },
  ],
  [
    'postgresql://host/db?u%73er=someotheruser&port=12345',
    { user: 'someotheruser', dbname: 'db', host: 'host', port: '12345' },
  ],
  ['postgresql://host/db?u%7aer=someotheruser&port=12345', 'invalid URI query parameter: "uzer"'],
  ['postgresql://host:12345?user=uri-user', { user: 'uri-user', host: 'host', port: '12345' }],
  ['postgresql://host?user=uri-user', { user: 'uri-user', host: 'host' }],
  [
    'postgresql://host?  user = uri-user & port  = 12345 ',
    { user: 'uri-user', host: 'host', port: '12345' },
  ],
  [
    'postgresql://host?  user user  =  uri  & port = 12345 12 ',
    'unexpected spaces found in "  user user  ", use percent-encoded spaces (%20) instead',
  ],
  [
    'postgresql://host?  user  =  uri-user  & port = 12345 12 ',
    'unexpected spaces found in " 12345 12 ", use percent-encoded spaces (%20) instead',
  ],
  ['postgresql://host?', { host: 'host' }],
  ['postgresql://[::1]:12345/db', { dbname: 'db', host: '::1', port: '12345' }],
  ['postgresql://[::1]/db', { dbname: 'db', host: '::1' }],
  ['postgresql://[2001:db8::1234]/', { host: '2001:db8::1234' }],
  ['postgresql://[200z:db8::1234]/', { host: '200z:db8::1234' }],
  ['postgresql://[::1]', { host: '::1' }],
  ['postgres://', {}],
  ['postgres:///', {}],
  ['postgres:///db', { dbname: 'db' }],
  ['postgres://uri-user@/db', { user: 'uri-user', dbname: 'db' }],
  ['postgres://?host=/path/to/socket/dir', { host: '/path/to/socket/dir' }],
  ['postgresql://host?uzer=', 'invalid URI query parameter: "uzer"'],
  ['postgre://', 'missing "=" after "postgre://" in connection info string'],
  [
    'postgres://[::1',
    'end of string reached when looking for matching "]" in IPv6 host address in URI: "postgres://[::1"',
  ],
  ['postgres://[]', 'IPv6 host address may not be empty in URI: "postgres://[]"'],
  [
    'postgres://[::1]z',
    'unexpected character "z" at position 17 in URI (expected ":" or "/"): "postgres://[::1]z"',
  ],
  ['postgresql://host?zzz', 'missing key/value separator "=" in URI query parameter: "zzz"'],
  [
    'postgresql://host?value1&value2',
    'missing key/value separator "=" in URI query parameter: "value1"',
  ],
  [
    'postgresql://host?key=key=value',
    'extra key/value separator "=" in URI query parameter: "key"',
  ],
  ['postgres://host?dbname=%XXfoo', 'invalid percent-encoded token: "%XXfoo"'],
  ['postgresql://a%00b', 'forbidden value %00 in percent-encoded value: "a%00b"'],
  ['postgresql://%zz', 'invalid percent-encoded token: "%zz"'],
  ['postgresql://%1', 'invalid percent-encoded token: "%1"'],
  ['postgresql://%', 'invalid percent-encoded token: "%"'],
  ['postgres://@host', { host: 'host' }],
  ['postgres://host:/', { host: 'host' }],
  ['postgres://:12345/', { port: '12345' }],
  [
    'postgres://otheruser@?host=/no/such/directory',
    { user: 'otheruser', host: '/no/such/directory' },
  ],
  [
    'postgres://otheruser@/?host=/no/such/directory',
    { user: 'otheruser', host: '/no/such/directory' },
  ],
  [
    'postgres://otheruser@:12345?host=/no/such/socket/path',
    { user: 'otheruser', host: '/no/such/socket/path', port: '12345' },
  ],
  [
    'postgres://otheruser@:12345/db?host=/path/to/socket',
    { user: 'otheruser', dbname: 'db', host: '/path/to/socket', port: '12345' },
  ],
  [
    'postgres://:12345/db?host=/path/to/socket',
    { dbname: 'db', host: '/path/to/socket', port: '12345' },
  ],
  ['postgres://:12345?host=/path/to/socket', { host: '/path/to/socket', port: '12345' }],
  [
    'postgres://%2Fvar%2Flib%2Fpostgresql/dbname',
    { dbname: 'dbname', host: '/var/lib/postgresql' },
  ],
  [
    'postgresql://host?sslmode=disable',
    { host: 'host', sslmode: 'disable' },
    { PGSSLROOTCERT: 'system' },
  ],
  [
    'postgresql://host?sslmode=prefer',
    { host: 'host', sslmode: 'prefer' },
    { PGSSLROOTCERT: 'system' },
  ],
  ['postgresql://host?sslmode=verify-full', { host: 'host' }, { PGSSLROOTCERT: 'system' }],
];

describe('the 63 URIs of libpq', () => {
  const code = 'CONNINFO_INVALID';

  it('are 63', () => {
    expect(CASES).toHaveLength(63);
  });

  it.each(CASES.map(([uri, outcome, env = {}]) => [uri, outcome, env] as const))(
    '%s',
    (uri, outcome, env) => {
      const parse = (): Values => beyondDefaults(uri, { HOME: '/nonexistent', ...env });
      if (typeof outcome !== 'string') expect(parse()).toEqual(outcome);
      else expect(parse).toThrow(expect.objectContaining({ code, message: outcome }));
    },
  );
});

/** As libpq's test program prints it: what differs from the defaults of the same environment. */
function beyondDefaults(uri: string, env: Environment): Values {
  const defaults = parseConninfo('', { env });
  return Object.fromEntries(
    Object.entries(parseConninfo(uri, { env }))
      .filter(([keyword, value]) => defaults[keyword as Keyword] !== value)
      .map(([keyword, value]: [string, string | Secret]) => [
        keyword,
        value instanceof Secret ? value.reveal() : value,
      ]),
  );
}
