import { describe, expect, it } from 'vitest';

import { parseConninfo } from './conninfo.ts';

const env = { HOME: '/nonexistent', PGUSER: 'env-user' };

/** Beyond libpq's own cases, which are in `libpq-uris.test.ts`. */
describe('a conninfo as URI', () => {
  it.each([
    ['postgresql://host/db?dbname=over', 'env-user - host db=over'],
    ['postgresql://u:p%40%2F%3F%23%3A%25+@host/d%2Fb', 'u p@/?#:%+ host db=d/b'],
    ['postgresql://u:@host/db', 'u - host db=db'],
    ['postgresql://u:x#y?z=1@host/db', 'u x#y?z=1 host db=db'],
    ['postgresql://host/db?user=me@tenant', 'me@tenant - host db=db'],
    ['postgresql://host/db?user=a%2Bb+c', 'a+b+c - host db=db'],
  ])('reads %s', (uri, expected) => {
    const { user, password, host, dbname } = parseConninfo(uri, { env });
    expect(`${user} ${password?.reveal() ?? '-'} ${host} db=${dbname}`).toBe(expected);
  });

  it.each(['postgresql://host:port/db', 'postgresql://host/db?&user=u', 'postgresql://%ff/'])(
    'refuses %s',
    (uri) => {
      expect(() => parseConninfo(uri, { env })).toThrow(
        expect.objectContaining({ code: 'CONNINFO_INVALID' }),
      );
    },
  );

  it('takes ssl=true for sslmode=require', () => {
    expect(parseConninfo('postgresql://host/db?ssl=true', { env }).sslmode).toBe('require');
    expect(() => parseConninfo('postgresql://host/db?ssl=false', { env })).toThrow('"ssl"');
  });

  it('decodes the values of parameters', () => {
    const uri = 'postgresql://h/db?options=-c%20search_path%3Da&application_name=%C3%BC';
    expect(parseConninfo(uri, { env })).toMatchObject({
      options: '-c search_path=a',
      application_name: 'ü',
    });
  });
});
