import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { parseConninfo } from './conninfo.ts';
import { findInPasswordFile } from './password-file.ts';

const KEY = { host: 'db.example', port: 5432, dbname: 'sales', user: 'etl' };

function home(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pgpass-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

function passwordFile(text: string, mode = 0o600): string {
  const file = join(home(), '.pgpass');
  writeFileSync(file, text);
  chmodSync(file, mode); // whatever the umask
  return file;
}

const find = (text: string, key = KEY): string | undefined =>
  findInPasswordFile(key, passwordFile(text), {});

describe('the password file', () => {
  it('gives the password of the first line that matches', () => {
    expect(find('db.example:5432:other:etl:no\ndb.example:5432:sales:etl:yes\n*:*:*:*:late')).toBe(
      'yes',
    );
  });

  it.each([
    'other:5432:sales:etl:x',
    'db.example:5433:sales:etl:x',
    'db.example:5432:Sales:etl:x',
    'db.example:5432:sales:etl2:x',
    'db.example:5432:sales:etl',
    '*',
    '',
  ])('has nothing for us in %j', (line) => {
    expect(find(line)).toBeUndefined();
  });

  it('takes * for any value of a field', () => {
    expect(find('*:*:*:*:any')).toBe('any');
    expect(find('db.example:*:sales:*:some')).toBe('some');
    expect(find('db.*:*:*:*:not a pattern')).toBeUndefined();
  });

  it('reads \\: and \\\\ as the characters themselves', () => {
    expect(find('*:*:*:*:a\\:b\\\\c')).toBe('a:b\\c');
    expect(find('\\:\\:1:5432:sales:etl:v6', { ...KEY, host: '::1' })).toBe('v6');
  });

  it('ends the password at a bare colon, as libpq does', () => {
    expect(find('*:*:*:*:a:b')).toBe('a');
  });

  it('keeps blanks, quotes and hashes of a password', () => {
    expect(find('*:*:*:*: it\'s #1 " ')).toBe(' it\'s #1 " ');
  });

  it('passes comments over, and reads lines that end in CRLF', () => {
    expect(find('#*:*:*:*:comment\r\n*:*:*:*:windows\r\n')).toBe('windows');
  });

  it('takes an empty password for none', () => {
    expect(find('*:*:*:*:')).toBeUndefined();
  });

  it('calls the default socket directories localhost', () => {
    const line = 'localhost:5432:sales:etl:local';
    expect(find(line, { ...KEY, host: '/var/run/postgresql' })).toBe('local');
    expect(find(line, { ...KEY, host: '/tmp' })).toBe('local');
    expect(find(line, { ...KEY, host: '/srv/sockets' })).toBeUndefined();
  });

  it.each([0o640, 0o604, 0o660, 0o777])('is passed over with mode %o', (mode) => {
    const file = passwordFile('*:*:*:*:seen by others', mode);
    expect(findInPasswordFile(KEY, file, {})).toBeUndefined();
  });

  it('is passed over when it is missing or no file', () => {
    expect(findInPasswordFile(KEY, '/nonexistent/.pgpass', {})).toBeUndefined();
    const directory = join(home(), 'directory');
    mkdirSync(directory, { mode: 0o700 });
    expect(findInPasswordFile(KEY, directory, {})).toBeUndefined();
  });
});

describe('where the password comes from', () => {
  const text = 'host=db.example dbname=sales user=etl';
  const passwordOf = (
    conninfo: string,
    env: Readonly<Record<string, string>>,
  ): string | undefined => parseConninfo(conninfo, { env }).password?.reveal();

  it('is the conninfo, then PGPASSWORD, then the file', () => {
    const file = passwordFile('*:*:*:*:from the file');
    const env = { PGPASSFILE: file, PGPASSWORD: 'from the environment' };
    expect(passwordOf(`${text} password=given`, env)).toBe('given');
    expect(passwordOf(text, env)).toBe('from the environment');
    expect(passwordOf(text, { PGPASSFILE: file })).toBe('from the file');
  });

  it('is the file when the conninfo says so with an empty password', () => {
    const file = passwordFile('*:*:*:*:from the file');
    expect(passwordOf(`${text} password=''`, { PGPASSFILE: file, PGPASSWORD: 'x' })).toBe(
      'from the file',
    );
  });

  it('is the passfile of the conninfo before PGPASSFILE, and ~/.pgpass at last', () => {
    const [named, other] = [passwordFile('*:*:*:*:named'), passwordFile('*:*:*:*:other')];
    expect(passwordOf(`${text} passfile=${named}`, { PGPASSFILE: other })).toBe('named');
    expect(passwordOf(text, { HOME: join(named, '..') })).toBe('named');
    expect(passwordOf(text, { HOME: '/nonexistent' })).toBeUndefined();
  });
});
