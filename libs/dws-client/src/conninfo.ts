import { CopylineError } from '@copyline/contracts';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import { findInPasswordFile } from './password-file.ts';
import { Secret } from './secret.ts';

/** libpq's `sslmode`, without `allow` and with `prefer` as the default. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Everything needed to reach one database, with every default filled in. */
export interface ConnectionParameters {
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly sslmode: SslMode;
  /** PEM text of the certificate authorities to trust. */
  readonly sslrootcert: string | undefined;
  readonly applicationName: string | undefined;
  /** Server settings as libpq's `options`, for example `-c statement_timeout=5s`. */
  readonly options: string | undefined;
  readonly connectTimeoutMs: number | undefined;
}

/** Where the defaults of a conninfo come from. */
export interface ConninfoContext {
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const SSL_MODES: readonly string[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** The keywords understood, with the environment variable that gives each its default. */
const KEYWORDS: Readonly<Record<string, string | undefined>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
};

/** What else libpq knows: these names may be repeated in a message, they hold no secret. */
const OTHER_LIBPQ_KEYWORDS = new Set(
  (
    'service hostaddr require_auth channel_binding fallback_application_name client_encoding ' +
    'target_session_attrs load_balance_hosts replication keepalives keepalives_idle ' +
    'keepalives_interval keepalives_count tcp_user_timeout sslnegotiation sslcompression sslcert ' +
    'sslkey sslpassword sslcertmode sslcrl sslcrldir sslsni sslkeylogfile requirepeer ' +
    'ssl_min_protocol_version ssl_max_protocol_version min_protocol_version ' +
    'max_protocol_version gssencmode krbsrvname gsslib gssdelegation'
  ).split(' '),
);

/**
 * Reads a conninfo in libpq's keyword/value or URI form. What the text leaves out comes from the
 * environment (`PGHOST`, `PGPASSWORD`, …), the password also from the password file. As in libpq,
 * an empty value in the text means the default, whatever the environment says.
 *
 * Source: PostgreSQL documentation, "Connection Strings" and "The Password File". One host per
 * conninfo.
 *
 * @throws CopylineError `CONNINFO_INVALID`; the message never repeats the text, which may hold a
 *   password, even where none should be.
 */
export function parseConninfo(text: string, context: ConninfoContext = {}): ConnectionParameters {
  const env = context.env ?? process.env;
  const given = parsePairs(text);
  const value = (keyword: string): string | undefined => {
    const variable = KEYWORDS[keyword];
    return nonEmpty(given.get(keyword) ?? (variable === undefined ? undefined : env[variable]));
  };

  const host = value('host') ?? 'localhost';
  if (host.includes(',')) throw severalHosts();
  const port = parsePort(value('port') ?? '5432');
  const user = value('user') ?? accountName();
  const dbname = value('dbname') ?? user;
  const password =
    value('password') ?? findInPasswordFile({ host, port, dbname, user }, value('passfile'), env);
  const rootCert = value('sslrootcert');
  return {
    host,
    port,
    dbname,
    user,
    password: password === undefined ? undefined : new Secret(password),
    // An empty sslmode is refused: the default is weaker than what the environment may ask for.
    sslmode: parseSslMode(given.get('sslmode') ?? value('sslmode') ?? 'prefer'),
    sslrootcert: rootCert === undefined ? undefined : readCertificate(rootCert),
    applicationName: value('application_name'),
    options: value('options'),
    connectTimeoutMs: parseTimeout(value('connect_timeout')),
  };
}

/** Whether the text carries a password in clear, as a command line should not. */
export function conninfoHasPassword(text: string): boolean {
  return nonEmpty(parsePairs(text).get('password')) !== undefined;
}

/** Where a connection goes, for messages: `user@host:port/dbname`, never the password. */
export function describeTarget(parameters: ConnectionParameters): string {
  const { user, host, port, dbname } = parameters;
  return `${user}@${host}:${String(port)}/${dbname}`;
}

/** Whether the text is a conninfo at all, and not the name of a configured connection. */
export function looksLikeConninfo(text: string): boolean {
  return isUri(text) || text.includes('=');
}

function isUri(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

function parsePairs(text: string): ReadonlyMap<string, string> {
  return isUri(text) ? parseUri(text) : parseKeywordValues(text);
}

function parseKeywordValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  // One pair: a keyword, `=`, then a quoted value or one without blanks; `\` escapes in both.
  const pair =
    /\s*([^\s=]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:(?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*)?)(?=\s|$)/gsy;
  let end = 0;
  let ordinal = 0;
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    end = pair.lastIndex;
    const [, keyword = '', raw = ''] = match;
    const unquoted = raw.startsWith("'") ? raw.slice(1, -1) : raw;
    values.set(knownKeyword(keyword, (ordinal += 1)), unquoted.replace(/\\(.)/gs, '$1'));
  }
  if (text.slice(end).trim() !== '') {
    throw invalid('it cannot be read as keyword=value pairs', 'see the expected form');
  }
  return values;
}

/**
 * The parts of a URI, still encoded. Stricter than libpq in one point: an `@` that is not the end of
 * the user's part is most likely in a password, which would end up in the host's or database's name.
 */
const URI_PARTS =
  /^postgres(?:ql)?:\/\/(?:([^/?#@:]*)(?::([^/?#@]*))?@)?(\[[^\]@]+\]|[^/?#:@[\]]*)(?::(\d*))?(?:\/([^?#@]*))?(?:\?(.*))?$/;

function parseUri(text: string): Map<string, string> {
  const match = URI_PARTS.exec(text);
  if (match === null) {
    const [authority = ''] = text.replace(/^\w+:\/\//, '').split(/[/?#]/, 1);
    if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) throw severalHosts();
    throw invalid('it is not a valid URI', 'percent-encode special characters');
  }
  const [, user, password, host, port, dbname, query] = match;
  const values = new Map<string, string>();
  const set = (keyword: string, raw: string | undefined): void => {
    if (raw !== undefined && raw !== '') values.set(keyword, decode(raw));
  };
  set('user', user);
  set('password', password);
  set('host', host?.replace(/^\[|\]$/g, ''));
  set('port', port);
  set('dbname', dbname);
  const parts = query === undefined || query === '' ? [] : query.split('&');
  parts.forEach((part, i) => {
    const [key = '', raw, ...more] = part.split('=');
    if (raw === undefined || more.length > 0) {
      throw invalid(`parameter ${i + 1} is not one key=value`, 'write %3D for “=” in a value');
    }
    const keyword = decode(key);
    if (keyword === 'ssl' && raw === 'true') values.set('sslmode', 'require');
    else values.set(knownKeyword(keyword, i + 1), decode(raw));
  });
  return values;
}

function decode(raw: string): string {
  try {
    const text = decodeURIComponent(raw);
    if (!text.includes('\0')) return text;
  } catch {
    // reported below, together with %00
  }
  throw invalid('a percent sequence is not valid', 'write %25 for a percent sign');
}

function knownKeyword(keyword: string, ordinal: number): string {
  if (Object.hasOwn(KEYWORDS, keyword)) return keyword;
  const name = OTHER_LIBPQ_KEYWORDS.has(keyword) ? keyword : `number ${ordinal}`;
  throw invalid(
    `keyword ${name} is not supported`,
    `use only ${Object.keys(KEYWORDS).join(', ')}; quote values that have blanks`,
  );
}

function severalHosts(): CopylineError {
  return invalid('several hosts are not supported', 'name one host');
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no account has.
    throw invalid('it names no user, and the operating system knows none', 'add a user');
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw invalid('the port is not a number from 1 to 65535', 'give one port');
}

function parseSslMode(text: string): SslMode {
  if (SSL_MODES.includes(text)) return text as SslMode;
  throw invalid('the sslmode is not supported', `use one of ${SSL_MODES.join(', ')}`);
}

function parseTimeout(seconds: string | undefined): number | undefined {
  if (seconds === undefined || seconds === '0') return undefined;
  if (/^\d+$/.test(seconds)) return Number(seconds) * 1000;
  throw invalid('connect_timeout is not a number of seconds', 'give whole seconds');
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CopylineError('CONNINFO_INVALID', `The sslrootcert file ${path} cannot be read`, {
      cause,
    });
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function invalid(what: string, advice: string): CopylineError {
  return new CopylineError('CONNINFO_INVALID', `The conninfo is not valid: ${what}`, {
    expected: 'postgresql://user@host:5432/dbname or host=… port=… dbname=… user=…',
    advice: `${advice.charAt(0).toUpperCase()}${advice.slice(1)}.`,
  });
}
