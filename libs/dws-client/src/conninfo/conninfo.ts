import { userInfo } from 'node:os';
import { join } from 'node:path';

import { Secret } from '../secret.ts';
import { ConninfoError } from './conninfo-error.ts';
import { type Environment, environmentValues, homeOf } from './environment.ts';
import {
  type ConnectionParameters,
  type GivenValues,
  isSecretKeyword,
  type Keyword,
  storeValue,
} from './keywords.ts';
import { parseKeywords } from './parse-keywords.ts';
import { isUri, parseUri } from './parse-uri.ts';
import { findService } from './service-file.ts';
import { checkValues } from './supported-values.ts';

/** A conninfo as an object: libpq's keywords; what is empty or missing counts as left out. */
export type ConninfoObject = Readonly<Partial<Record<Keyword, string | Secret | null>>>;

/** Where the defaults of a conninfo come from, and whether `dbname` may be a conninfo itself. */
export interface ConninfoContext {
  /** Default: the environment of the process. */
  readonly env?: Environment;
  /**
   * Whether the `dbname` of an object is read as a conninfo when it looks like one. Its values replace
   * those of the keywords before it, and are replaced by those after it. Default: false.
   */
  readonly expandDbname?: boolean;
}

/**
 * Reads a conninfo in libpq's keyword/value or URI form, or as an object. What it leaves out comes from
 * the service that it names, then from the environment (`PGHOST`, `PGPASSWORD`, …), then from libpq's
 * defaults. An empty value in a text means the default, whatever the environment says.
 *
 * Source: PostgreSQL documentation, "Connection Strings", "Parameter Key Words", "Environment Variables".
 *
 * @throws ConninfoError and nothing else; the message never repeats a value
 */
export function parseConninfo(
  conninfo: string | ConninfoObject,
  context: ConninfoContext = {},
): ConnectionParameters {
  const env = context.env ?? process.env;
  const given =
    typeof conninfo === 'string'
      ? parseText(conninfo)
      : parseObject(conninfo, context.expandDbname ?? false);
  const environment = environmentValues(env);
  const service = given.get('service') ?? environment.get('service') ?? '';
  const values: GivenValues = new Map([
    ...environment,
    ...(service === '' ? [] : findService(service, env)),
    ...given,
  ]);
  values.delete('service'); // it has said what it had to say
  addDefaults(values, env);
  checkValues(values);
  return Object.fromEntries(
    [...values].map(([keyword, value]) => [
      keyword,
      isSecretKeyword(keyword) ? new Secret(value) : value,
    ]),
  );
}

/** Whether the text carries a password in clear, as a command line should not. */
export function conninfoHasPassword(text: string): boolean {
  const given = parseText(text);
  return ((given.get('password') ?? '') || (given.get('sslpassword') ?? '')) !== '';
}

/** Whether the text is a conninfo at all, and not the name of a configured connection. */
export function looksLikeConninfo(text: string): boolean {
  return isUri(text) || text.includes('=');
}

function parseText(text: string): GivenValues {
  return isUri(text) ? parseUri(text) : parseKeywords(text);
}

function parseObject(object: ConninfoObject, expandDbname: boolean): GivenValues {
  const values: GivenValues = new Map();
  for (const [keyword, given] of Object.entries(object)) {
    const value = given instanceof Secret ? given.reveal() : (given ?? '');
    if (typeof value !== 'string') {
      throw new ConninfoError(`the value of connection option "${keyword}" is not text`);
    }
    if (value === '') continue;
    if (keyword === 'dbname' && expandDbname && looksLikeConninfo(value)) {
      for (const [name, inner] of parseText(value)) values.set(name, inner);
    } else if (!storeValue(values, keyword, value)) {
      throw new ConninfoError(`invalid connection option "${keyword}"`);
    }
  }
  return values;
}

/** Those of libpq's defaults that something here depends on; an empty value takes them later. */
function addDefaults(values: GivenValues, env: Environment): void {
  const add = (keyword: Keyword, value: () => string): void => {
    if (!values.has(keyword)) values.set(keyword, value());
  };
  if (!values.get('user')) values.set('user', accountName());
  add('port', () => '5432');
  // Whoever trusts all authorities of the system must at least check the name.
  add('sslmode', () => (values.get('sslrootcert') === 'system' ? 'verify-full' : 'prefer'));
  if (!values.get('passfile')) {
    const home = homeOf(env);
    values.set(
      'passfile',
      process.platform === 'win32'
        ? join(env['APPDATA'] ?? home, 'postgresql', 'pgpass.conf')
        : join(home, '.pgpass'),
    );
  }
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch (cause) {
    // A container may run under a number that no account has.
    throw new ConninfoError('local user does not exist, and the conninfo names none', { cause });
  }
}
