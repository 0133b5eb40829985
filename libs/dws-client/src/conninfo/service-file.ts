import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ConninfoError } from './conninfo-error.ts';
import { type Environment, homeOf } from './environment.ts';
import { type GivenValues, storeValue } from './keywords.ts';

/** Where Debian's libpq looks; a libpq built elsewhere has its own place, and `PGSYSCONFDIR` names it. */
const SYSTEM_DIRECTORY = '/etc/postgresql-common';
/** libpq's buffer. */
const MAX_LINE_BYTES = 1023;

/**
 * The values of a service: from `PGSERVICEFILE` or `~/.pg_service.conf`, else from the system's file.
 * Source: PostgreSQL documentation, "The Connection Service File".
 *
 * @throws ConninfoError when no file defines the service, or one cannot be read
 */
export function findService(name: string, env: Environment): GivenValues {
  const named = env['PGSERVICEFILE'];
  const own = named ?? join(homeOf(env), '.pg_service.conf');
  const text = readIfThere(own);
  if (text === undefined && named !== undefined) {
    throw new ConninfoError(`service file "${named}" not found`);
  }
  const system = join(env['PGSYSCONFDIR'] ?? SYSTEM_DIRECTORY, 'pg_service.conf');
  const found =
    parseServiceFile(text ?? '', name, own) ??
    parseServiceFile(readIfThere(system) ?? '', name, system);
  if (found === undefined) throw new ConninfoError(`definition of service "${name}" not found`);
  return found;
}

/** The first value of a keyword counts here. Values are never repeated in a message. */
function parseServiceFile(text: string, name: string, file: string): GivenValues | undefined {
  let values: GivenValues | undefined;
  for (const [i, line] of text
    .split('\n')
    .map((each) => each.trim())
    .entries()) {
    const fault = (what: string): ConninfoError =>
      new ConninfoError(`${what} service file "${file}", line ${String(i + 1)}`);
    if (Buffer.byteLength(line) > MAX_LINE_BYTES) throw fault('line too long in');
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (values !== undefined) return values;
      if (line.startsWith(`[${name}]`)) values = new Map();
      continue;
    }
    if (values === undefined) continue;
    const [keyword = '', ...rest] = line.split('=');
    if (rest.length === 0) throw fault('syntax error in');
    if (keyword === 'service') throw fault('nested "service" specifications not supported in');
    const value: GivenValues = new Map();
    if (!storeValue(value, keyword, rest.join('='))) throw fault('syntax error in');
    values = new Map([...value, ...values]);
  }
  return values;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new ConninfoError(`service file "${file}" cannot be read`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  const errno = error instanceof Error && 'code' in error ? error.code : undefined;
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}
