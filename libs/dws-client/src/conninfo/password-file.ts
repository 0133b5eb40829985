import { readFileSync, statSync } from 'node:fs';

import { Secret } from '../secret.ts';

/** Where libpq looks for a server without a host; the password file calls both `localhost`. */
const SOCKET_DIRECTORIES = ['/tmp', '/var/run/postgresql'];

interface PasswordKey {
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly user: string;
}

/**
 * Looks a password up in a file of lines `host:port:dbname:user:password`. As in libpq, a file that
 * others may read is passed over, and so is one that does not exist.
 *
 * Source: PostgreSQL documentation, "The Password File".
 */
export function findInPasswordFile(key: PasswordKey, file: string): Secret | undefined {
  const text = readPrivateFile(file);
  const host = SOCKET_DIRECTORIES.includes(key.host) ? 'localhost' : key.host;
  const wanted = [host, String(key.port), key.dbname, key.user];
  for (const line of text?.split(/\r?\n/) ?? []) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    const password = fields[4];
    if (password === undefined) continue;
    if (wanted.every((value, i) => fields[i] === '*' || fields[i] === value)) {
      return password === '' ? undefined : new Secret(password);
    }
  }
  return undefined;
}

function readPrivateFile(file: string): string | undefined {
  try {
    const stat = statSync(file);
    const othersMayRead = process.platform !== 'win32' && (stat.mode & 0o077) !== 0;
    return stat.isFile() && !othersMayRead ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Splits at colons; `\:` and `\\` stand for the characters themselves. */
function splitLine(line: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let i = 0; i < line.length; i += 1) {
    const c = line.charAt(i);
    if (c === ':') {
      fields.push(field);
      field = '';
    } else {
      field += c === '\\' ? line.charAt((i += 1)) : c;
    }
  }
  return [...fields, field];
}
