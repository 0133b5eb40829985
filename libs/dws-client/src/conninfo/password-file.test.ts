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
  findInPasswordFile(key, passwordFile(text))?.reveal();

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
    expect(findInPasswordFile(KEY, file)).toBeUndefined();
  });

  it('is passed over when it is missing or no file', () => {
    expect(findInPasswordFile(KEY, '/nonexistent/.pgpass')).toBeUndefined();
    const directory = join(home(), 'directory');
    mkdirSync(directory, { mode: 0o700 });
    expect(findInPasswordFile(KEY, directory)).toBeUndefined();
  });
});

describe('which password file it is', () => {
  const fileOf = (conninfo: string, env: Readonly<Record<string, string>>): string | undefined =>
    parseConninfo(conninfo, { env }).passfile;

  it('is the passfile of the conninfo before PGPASSFILE, and ~/.pgpass at last', () => {
    const env = { HOME: '/home/etl', PGPASSFILE: '/other' };
    expect(fileOf('passfile=/named', env)).toBe('/named');
    expect(fileOf('', env)).toBe('/other');
    expect(fileOf('', { HOME: '/home/etl' })).toBe('/home/etl/.pgpass');
    expect(fileOf('passfile=', env)).toBe('/home/etl/.pgpass');
  });
});
