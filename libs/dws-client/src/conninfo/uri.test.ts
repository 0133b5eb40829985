import { describe, expect, it } from 'vitest';

import { parseConninfo } from './conninfo.ts';

const env = { HOME: '/nonexistent', PGUSER: 'env-user' };

/** Cases of PostgreSQL's own libpq test (src/interfaces/libpq/t/001_uri.pl), one host each. */
describe('a conninfo as URI', () => {
  it.each([
    ['postgresql://uri-user:secret@host:12345/db', 'uri-user secret host 12345 db'],
    ['postgresql://uri-user@host:12345/db', 'uri-user - host 12345 db'],
    ['postgresql://uri-user@host/db', 'uri-user - host 5432 db'],
    ['postgresql://host:12345/db', 'env-user - host 12345 db'],
    ['postgresql://host/db', 'env-user - host 5432 db'],
    ['postgresql://uri-user@host:12345/', 'uri-user - host 12345 uri-user'],
    ['postgresql://uri-user@host/', 'uri-user - host 5432 uri-user'],
    ['postgresql://uri-user@', 'uri-user - localhost 5432 uri-user'],
    ['postgresql://host:12345', 'env-user - host 12345 env-user'],
    ['postgresql://host', 'env-user - host 5432 env-user'],
    ['postgresql://', 'env-user - localhost 5432 env-user'],
    ['postgresql://%68ost/', 'env-user - host 5432 env-user'],
    ['postgresql://host/db?user=uri-user', 'uri-user - host 5432 db'],
    ['postgresql://host/db?user=uri-user&port=12345', 'uri-user - host 12345 db'],
    ['postgresql://host/db?u%73er=someotheruser&port=12345', 'someotheruser - host 12345 db'],
    ['postgresql://host:12345?user=uri-user', 'uri-user - host 12345 uri-user'],
    ['postgresql://host?user=uri-user', 'uri-user - host 5432 uri-user'],
    ['postgresql://host?', 'env-user - host 5432 env-user'],
    ['postgresql://[::1]:12345/db', 'env-user - ::1 12345 db'],
    ['postgresql://[2001:db8::1234]/', 'env-user - 2001:db8::1234 5432 env-user'],
    ['postgresql://[200z:db8::1234]/', 'env-user - 200z:db8::1234 5432 env-user'],
    ['postgresql://[::1]', 'env-user - ::1 5432 env-user'],
    ['postgres://', 'env-user - localhost 5432 env-user'],
    ['postgres:///', 'env-user - localhost 5432 env-user'],
    ['postgres:///db', 'env-user - localhost 5432 db'],
    ['postgres://uri-user@/db', 'uri-user - localhost 5432 db'],
    ['postgres://?host=/path/to/socket/dir', 'env-user - /path/to/socket/dir 5432 env-user'],
    ['postgres://@host', 'env-user - host 5432 env-user'],
    ['postgres://host:/', 'env-user - host 5432 env-user'],
    ['postgres://:12345/', 'env-user - localhost 12345 env-user'],
    ['postgres://u@?host=/no/such/directory', 'u - /no/such/directory 5432 u'],
    ['postgres://u@:12345/db?host=/path/to/socket', 'u - /path/to/socket 12345 db'],
    ['postgres://%2Fvar%2Flib%2Fpostgresql/dbname', 'env-user - /var/lib/postgresql 5432 dbname'],
    ['postgresql://host/db?dbname=over', 'env-user - host 5432 over'],
    ['postgresql://u:p%40%2F%3F%23%3A%25+@host/d%2Fb', 'u p@/?#:%+ host 5432 d/b'],
    ['postgresql://u:@host/db', 'u - host 5432 db'],
  ])('reads %s', (uri, expected) => {
    const { user, password, host, port, dbname } = parseConninfo(uri, { env });
    expect([user, password?.reveal() ?? '-', host, port, dbname].join(' ')).toBe(expected);
  });

  it.each([
    'postgresql://host/db?u%7aer=someotheruser&port=12345',
    'postgresql://host?uzer=',
    'postgre://',
    'postgres://[::1',
    'postgres://[]',
    'postgres://[::1]z',
    'postgresql://host?zzz',
    'postgresql://host?value1&value2',
    'postgresql://host?key=key=value',
    'postgres://host?dbname=%XXfoo',
    'postgresql://a%00b',
    'postgresql://%zz',
    'postgresql://%1',
    'postgresql://%',
    'postgresql://host:port/db',
    'postgresql://host?options=-csearch_path=a',
  ])('refuses %s', (uri) => {
    expect(() => parseConninfo(uri, { env })).toThrow(
      expect.objectContaining({ code: 'CONNINFO_INVALID' }),
    );
  });

  it('takes ssl=true for sslmode=require', () => {
    expect(parseConninfo('postgresql://host/db?ssl=true', { env }).sslmode).toBe('require');
    expect(parseConninfo('postgres://?sslmode=disable', { env }).sslmode).toBe('disable');
  });

  it('decodes the values of parameters', () => {
    const uri = 'postgresql://h/db?options=-c%20search_path%3Da&application_name=%C3%BC';
    expect(parseConninfo(uri, { env })).toMatchObject({
      options: '-c search_path=a',
      applicationName: 'ü',
    });
  });
});
