import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

import { describeTarget } from '../connect/hosts.ts';
import { Secret } from '../secret.ts';
import { ConninfoError } from './conninfo-error.ts';
import {
  conninfoHasPassword,
  type ConninfoObject,
  looksLikeConninfo,
  parseConninfo,
} from './conninfo.ts';
import { formatConninfo } from './format.ts';
import { type ConnectionParameters, type Keyword, KEYWORDS } from './keywords.ts';

/** No environment, and no password file of whoever runs the tests. */
const EMPTY = { HOME: '/nonexistent' };

function parse(text: string, env: Readonly<Record<string, string>> = EMPTY): ConnectionParameters {
  return parseConninfo(text, { env });
}

function refusal(text: string, env: Readonly<Record<string, string>> = EMPTY): ConninfoError {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConninfoError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a conninfo of keywords and values', () => {
  it('names everything', () => {
    const parameters = parse(
      'host=db port=5433 dbname=sales user=etl password=p sslmode=require ' +
        "application_name=nightly options='-c work_mem=1MB' connect_timeout=3",
    );
    expect(parameters).toMatchObject({
      host: 'db',
      port: '5433',
      dbname: 'sales',
      user: 'etl',
      sslmode: 'require',
      application_name: 'nightly',
      options: '-c work_mem=1MB',
      connect_timeout: '3',
    });
    expect(parameters.password?.reveal()).toBe('p');
  });

  it.each([
    ["password='two words'", 'two words'],
    ["password = 'it\\'s'", "it's"],
    ['password=back\\\\slash', 'back\\slash'],
    ['password=a\\ b', 'a b'],
    ["password=it's", "it's"],
    ["password='a=b c=d'", 'a=b c=d'],
    ["password='line\nend'", 'line\nend'],
    ['password=p%40ss', 'p%40ss'],
    ['password=first password=last', 'last'],
    ['password=ü€😀', 'ü€😀'],
    ['password=a\\', 'a'],
    ['password=\n a', 'a'],
    ["password='a'user=b", 'a'],
  ])('reads %j', (text, expected) => {
    expect(parse(text).password?.reveal()).toBe(expected);
  });

  it('has defaults for what is left out, and for what is empty', () => {
    const user = userInfo().username;
    expect(parse('')).toEqual({
      port: '5432',
      user,
      sslmode: 'prefer',
      passfile: '/nonexistent/.pgpass',
    });
    expect(parse("host='' port='' user='' dbname= ")).toMatchObject({ host: '', port: '', user });
    expect(parse('sslrootcert=system').sslmode).toBe('verify-full');
    expect(parse('requiressl=1').sslmode).toBe('require');
  });

  it.each(['host', 'host=a b', "host='a", "host='a'b", '=a'])(
    'refuses what is not pairs: %j',
    (text) => {
      expect(refusal(text)).toMatchObject({ code: 'CONNINFO_INVALID' });
    },
  );
});

describe('a conninfo from the environment', () => {
  const env = {
    ...EMPTY,
    PGHOST: 'env-host',
    PGPORT: '6000',
    PGDATABASE: 'env-db',
    PGUSER: 'env-user',
    PGPASSWORD: 'env-password',
    PGSSLMODE: 'disable',
    PGAPPNAME: 'env-app',
    PGOPTIONS: '-c a.b=c',
    PGCONNECT_TIMEOUT: '7',
  };

  it('takes what the text leaves out', () => {
    expect(parse('', env)).toMatchObject({
      host: 'env-host',
      port: '6000',
      dbname: 'env-db',
      user: 'env-user',
      sslmode: 'disable',
      application_name: 'env-app',
      options: '-c a.b=c',
      connect_timeout: '7',
    });
    expect(parse('host=h', env)).toMatchObject({ host: 'h', port: '6000' });
    expect(parse('', { ...EMPTY, PGREQUIRESSL: '1' }).sslmode).toBe('require');
    expect(parse('', { ...EMPTY, PGREQUIRESSL: '1', PGSSLMODE: 'allow' }).sslmode).toBe('allow');
  });

  it('loses against the text, an empty value included', () => {
    expect(parse("host='' options='' port=''", env)).toMatchObject({
      host: '',
      options: '',
      port: '',
    });
    expect(parse('postgresql://?options=', env).options).toBe('');
  });

  it('does not weaken TLS by an empty sslmode', () => {
    expect(refusal('sslmode=', { ...EMPTY, PGSSLMODE: 'verify-full' }).message).toContain(
      'sslmode',
    );
  });

  it('ignores empty variables', () => {
    const empty = parse('', { ...EMPTY, PGHOST: '', PGPORT: '' });
    expect(empty).toMatchObject({ port: '5432' });
    expect(empty).not.toHaveProperty('host');
  });
});

describe('what a conninfo refuses', () => {
  it.each(['port=0', 'port=65536', 'port=-1', 'port=54x', 'port=5432.0', 'port=5432,5433'])(
    'a port that is none: %s',
    (text) => {
      expect(refusal(text).message).toContain('port');
    },
  );

  it.each([
    ['host=a,b hostaddr=1.2.3.4', 'could not match 2 host names to 1 hostaddr values'],
    ['host=a port=1,2', 'could not match 2 port numbers to 1 hosts'],
    ['port=1,2', 'could not match 2 port numbers to 1 hosts'],
    ['postgresql://a:1,b:2,c/db?host=x', 'could not match 3 port numbers to 1 hosts'],
    ['ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2', 'version range'],
  ])('what does not fit together: %s', (text, message) => {
    expect(refusal(text).message).toContain(message);
  });

  it('a keyword that libpq does not know', () => {
    expect(refusal('host=a hots=b').message).toBe('invalid connection option "hots"');
    expect(refusal('toString=1 host=a').message).toBe('invalid connection option "toString"');
  });

  it.each([
    'sslmode=REQUIRE',
    'target_session_attrs=primery',
    'connect_timeout=soon',
    'keepalives=2',
  ])('a value it cannot follow: %s', (text) => {
    expect(refusal(text)).toMatchObject({ code: 'CONNINFO_INVALID' });
  });

  it.each([
    'require_auth=scram-sha-256',
    'channel_binding=require',
    'sslnegotiation=direct',
    'gssencmode=require',
    'requirepeer=root',
    'client_encoding=LATIN1',
  ])('a protection that it does not have: %s', (text) => {
    expect(refusal(text).message).toMatch(/^this value of \w+ is not supported$/);
  });

  // A password in each place where a careless hand may put it.
  it.each([
    'password=canary canary=1',
    'password=a canary host=b',
    "password='canary",
    'passwrod=canary',
    'pwd=canary canary',
    'port=canary',
    'sslmode=canary',
    'connect_timeout=canary',
    'postgresql://u:p@canary@h/db',
    'postgresql://u:1/canary@h/db',
    'postgresql://u:canary@h,[::1',
    'postgresql://u:canary@h?canary',
    'postgresql://u:canary%zz@h/db',
    'postgresql://h:canary/db',
    'postgresql://h/db?password=canary=canary',
    'postgresql://u:canary@a:1,canary:canary/db',
  ])('without ever repeating the text: %s', (text) => {
    const error = refusal(text);
    expect(error.code).toBe('CONNINFO_INVALID');
    expect(inspect(error).replace(/\n {4}at .*/g, '')).not.toContain('canary');
    expect(JSON.stringify(error)).not.toContain('canary');
  });
});

describe('a conninfo in words', () => {
  it('never shows the password', () => {
    const parameters = parse('postgresql://etl:canary@db:1/sales');
    expect(describeTarget(parameters)).toBe('etl@db:1/sales');
    expect(inspect(parameters, { depth: 9, showHidden: true })).not.toContain('canary');
    expect(JSON.stringify(parameters)).not.toContain('canary');
  });

  it('tells whether a password stands in it', () => {
    expect(conninfoHasPassword('postgresql://u:p@h/db')).toBe(true);
    expect(conninfoHasPassword('postgresql://u@h/db?password=p')).toBe(true);
    expect(conninfoHasPassword('host=h password=p')).toBe(true);
    expect(conninfoHasPassword('host=h password=')).toBe(false);
    expect(conninfoHasPassword('postgresql://u:@h/db')).toBe(false);
  });

  it('is told from the name of a connection', () => {
    expect(looksLikeConninfo('warehouse')).toBe(false);
    expect(looksLikeConninfo('postgres://')).toBe(true);
    expect(looksLikeConninfo('dbname=x')).toBe(true);
  });
});

describe('several hosts', () => {
  it.each([
    ['postgresql://a:1,b:2,c/db', 'a,b,c', '1,2,'],
    ['postgresql://u:p@a,[::1]:2/db', 'a,::1', ',2'],
    ['host=a,,c port=5433', 'a,,c', '5433'],
    ['host=a,b port=1,2', 'a,b', '1,2'],
  ])('are lists: %s', (text, host, port) => {
    expect(parse(text)).toMatchObject({ host, port });
    expect(describeTarget(parse(text))).toContain('/');
  });
});

describe('a conninfo as an object', () => {
  const of = (object: ConninfoObject, expandDbname = false): ConnectionParameters =>
    parseConninfo(object, { env: { ...EMPTY, PGHOST: 'env' }, expandDbname });

  it('leaves out what is empty or null', () => {
    expect(of({ host: '', port: null, user: 'etl' })).toMatchObject({ host: 'env', port: '5432' });
    expect(of({ password: new Secret('p') }).password?.reveal()).toBe('p');
  });

  it('expands a dbname that is a conninfo, over what comes before and under what comes after', () => {
    const dbname = 'host=inner port=1 dbname=sales user=inner';
    expect(of({ host: 'outer', dbname, user: 'outer' }, true)).toMatchObject({
      ...{ host: 'inner', port: '1', dbname: 'sales', user: 'outer' },
    });
    expect(of({ dbname: 'postgresql://h/db' }, true)).toMatchObject({ host: 'h', dbname: 'db' });
    expect(of({ dbname }).dbname).toBe(dbname);
  });

  it('refuses what is no keyword', () => {
    expect(() => of(JSON.parse('{"__proto__": "x"}') as ConninfoObject)).toThrow(ConninfoError);
    expect(() => of({ port: 5432 } as unknown as ConninfoObject)).toThrow(ConninfoError);
  });
});

describe('a service', () => {
  function files(own: string | undefined, system = ''): Readonly<Record<string, string>> {
    const home = mkdtempSync(join(tmpdir(), 'service-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    if (own !== undefined) writeFileSync(join(home, '.pg_service.conf'), own);
    writeFileSync(join(home, 'pg_service.conf'), system);
    return { HOME: home, PGSYSCONFDIR: home };
  }
  const FILE =
    '# of the team\n[other]\nhost=o\n\n [sales] \nhost=db\nport=1\n  port=2\ndbname=a=b\n[next]\nhost=n\n';

  it('comes after the text and before the environment', () => {
    const env = { ...files(FILE), PGHOST: 'env', PGUSER: 'env', PGPORT: '9' };
    expect(parse('service=sales dbname=mine', env)).toMatchObject({
      ...{ host: 'db', port: '1', dbname: 'mine', user: 'env' },
    });
    expect(parse('', { ...env, PGSERVICE: 'sales' })).toMatchObject({ host: 'db', dbname: 'a=b' });
    expect(parse('', { ...env, PGSERVICE: 'sales' })).not.toHaveProperty('service');
  });

  it('is looked for in the file of the system when the own one does not have it', () => {
    expect(parse('service=x', files(FILE, '[x]\nhost=system')).host).toBe('system');
    expect(parse('service=x', files(undefined, '[x]\nhost=system')).host).toBe('system');
    const named = { ...files(undefined), PGSERVICEFILE: '/nonexistent/file' };
    expect(refusal('service=x', named).message).toBe('service file "/nonexistent/file" not found');
  });

  it.each([
    ['[x]', 'definition of service "sales" not found'],
    ['[sales]\nservice=x', 'nested "service" specifications not supported in'],
    ['[sales]\nhots=x', 'syntax error in'],
    ['[sales]\nhost', 'syntax error in'],
    [`[sales]\nhost=${'x'.repeat(1023)}`, 'line too long in'],
  ])('that is %j is refused', (file, message) => {
    expect(refusal('service=sales', files(file)).message).toContain(message);
  });
});

describe('any conninfo', () => {
  const keywords = Object.keys(KEYWORDS) as Keyword[];
  /** Those whose values are free text. */
  const free = keywords.filter((each) =>
    ['dbname', 'user', 'password', 'options', 'application_name', 'passfile', 'sslcert'].includes(
      each,
    ),
  );

  it('is what it was once it is formatted and parsed again', () => {
    const objects = fc.dictionary(
      fc.constantFrom(...free),
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom("'", '\\', ' ', "a' b\\'", '')),
    );
    fc.assert(
      fc.property(objects, (object) => {
        const once = parseConninfo(object, { env: EMPTY });
        const again = parseConninfo(formatConninfo(once), { env: {} });
        const reveal = (of: ConnectionParameters): unknown => ({
          ...of,
          password: of.password?.reveal(),
        });
        expect(reveal(again)).toEqual(reveal(once));
      }),
    );
  });

  it('is read, or refused with ConninfoError and nothing else', () => {
    const bits = fc.constantFrom(
      ...[
        'postgresql://',
        'postgres://',
        ...keywords,
        '=',
        "'",
        '\\',
        ' ',
        '@',
        ':',
        '/',
        '?',
        '&',
      ],
      ...[
        '%',
        '%41',
        '%00',
        '[',
        ']',
        ',',
        '::1',
        '\0',
        '\ud800',
        '😀',
        'system',
        '5432',
        'random',
      ],
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(bits).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConninfoError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
