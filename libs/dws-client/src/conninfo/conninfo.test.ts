import { CopylineError } from '@copyline/contracts';
import { userInfo } from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import {
  type ConnectionParameters,
  conninfoHasPassword,
  describeTarget,
  looksLikeConninfo,
  parseConninfo,
} from './conninfo.ts';

/** No environment, and no password file of whoever runs the tests. */
const EMPTY = { HOME: '/nonexistent' };

function parse(text: string, env: Readonly<Record<string, string>> = EMPTY): ConnectionParameters {
  return parseConninfo(text, { env });
}

function refusal(text: string, env: Readonly<Record<string, string>> = EMPTY): CopylineError {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof CopylineError) return error;
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
      port: 5433,
      dbname: 'sales',
      user: 'etl',
      sslmode: 'require',
      applicationName: 'nightly',
      options: '-c work_mem=1MB',
      connectTimeoutMs: 3_000,
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
  ])('reads %j', (text, expected) => {
    expect(parse(text).password?.reveal()).toBe(expected);
  });

  it('has defaults for what is left out, and for what is empty', () => {
    const user = userInfo().username;
    const defaults = { host: 'localhost', port: 5432, user, dbname: user, sslmode: 'prefer' };
    expect(parse('')).toMatchObject(defaults);
    expect(parse("host='' port='' user='' dbname= ")).toMatchObject(defaults);
    expect(parse('user=etl').dbname).toBe('etl');
    expect(parse('connect_timeout=0').connectTimeoutMs).toBeUndefined();
  });

  it.each(['host', 'host=a b', "host='a", "host='a'b", '=a', 'host=a\\'])(
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
      port: 6000,
      dbname: 'env-db',
      user: 'env-user',
      sslmode: 'disable',
      applicationName: 'env-app',
      options: '-c a.b=c',
      connectTimeoutMs: 7_000,
    });
    expect(parse('host=h', env)).toMatchObject({ host: 'h', port: 6000 });
  });

  it('loses against the text, an empty value included', () => {
    expect(parse("host='' options='' port=''", env)).toMatchObject({
      host: 'localhost',
      options: undefined,
      port: 5432,
    });
    expect(parse('postgresql://?options=&user=', env).options).toBeUndefined();
  });

  it('does not weaken TLS by an empty sslmode', () => {
    expect(refusal('sslmode=', { ...EMPTY, PGSSLMODE: 'verify-full' }).message).toContain(
      'sslmode',
    );
  });

  it('ignores empty variables', () => {
    expect(parse('', { ...EMPTY, PGHOST: '', PGPORT: '' })).toMatchObject({
      host: 'localhost',
      port: 5432,
    });
  });
});

describe('what a conninfo refuses', () => {
  it.each(['port=0', 'port=65536', 'port=-1', 'port=54x', 'port=5432.0', 'port=5432,5433'])(
    'a port that is none: %s',
    (text) => {
      expect(refusal(text).message).toContain('port');
    },
  );

  it.each(['host=a,b', 'postgresql://a,b/db', 'postgresql://a:1,b:2/db', 'postgresql://u:p@a:1,b'])(
    'several hosts: %s',
    (text) => {
      expect(refusal(text).message).toContain('several hosts are not supported');
    },
  );

  it('a keyword that it does not know, by its number, or by its name when libpq has it', () => {
    expect(refusal('host=a hots=b').message).toContain('keyword number 2');
    expect(refusal('host=a target_session_attrs=any').message).toContain('target_session_attrs');
    expect(refusal('postgresql://h/db?user=u&uzer=v').message).toContain('keyword number 2');
    expect(refusal('toString=1 host=a').message).toContain('keyword number 1');
  });

  it.each(['sslmode=allow', 'sslmode=REQUIRE', 'connect_timeout=soon', 'connect_timeout=-1'])(
    'a value it cannot follow: %s',
    (text) => {
      expect(refusal(text)).toMatchObject({ code: 'CONNINFO_INVALID' });
    },
  );

  it('a certificate file that is not there', () => {
    expect(refusal('sslrootcert=/nonexistent/ca.pem').message).toContain('/nonexistent/ca.pem');
  });

  // A password in each place where a careless hand may put it.
  it.each([
    'password=canary canary=1',
    'password=a canary host=b',
    "password='canary",
    'passwrod=canary',
    'canary=1',
    'port=canary',
    'sslmode=canary',
    'connect_timeout=canary',
    'host=canary,b',
    'postgresql://u:p@canary@h/db',
    'postgresql://u:1/canary@h/db',
    'postgresql://u:1?canary@h/db',
    'postgresql://u:1?canary=x@h/db',
    'postgresql://u:canary%zz@h/db',
    'postgresql://u:x#canary@h/db',
    'postgresql://h:canary/db',
    'postgresql://h/db?canary',
    'postgresql://h/db?password=canary=canary',
    'postgresql://u:canary@a:1,canary:2/db',
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
