import { ConninfoError, quoted } from './conninfo-error.ts';
import { type GivenValues, type Keyword, storeValue } from './keywords.ts';

const PREFIX = /^postgres(?:ql)?:\/\//;

export function isUri(text: string): boolean {
  return PREFIX.test(text);
}

/**
 * Reads a URI as libpq does, with one thing more refused: a bare `@` in the host or the database is
 * most likely the end of a password that was not percent-encoded, and would be shown from then on.
 * Source: PostgreSQL documentation, "Connection URIs".
 */
export function parseUri(uri: string): GivenValues {
  const values: GivenValues = new Map();
  const decode = (raw: string): string => decodePercent(raw, uri);
  const set = (keyword: Keyword, raw: string): void => {
    if (raw !== '') values.set(keyword, decode(raw));
  };
  const { user, password, start } = credentialsOf(uri);
  set('user', user);
  set('password', password);

  const { hosts, ports, end } = locationsOf(uri, start);
  set('host', hosts.join(','));
  set('port', ports.join(','));

  const question = uri.indexOf('?', end);
  const path = uri.slice(end, question === -1 ? undefined : question);
  if (`${hosts.join('')}${path}`.includes('@')) {
    throw new ConninfoError('unexpected character "@" in the host or database name of a URI', {
      advice: 'In user names and passwords write %40 for “@” and %2F for “/”.',
    });
  }
  set('dbname', path.slice(1));
  if (question !== -1) readQuery(uri.slice(question + 1), uri, values);
  return values;
}

/** Only an `@` before the first `/` ends a user and a password. */
function credentialsOf(uri: string): { user: string; password: string; start: number } {
  const start = uri.indexOf('//') + 2;
  const [head = ''] = uri.slice(start).split('/', 1);
  const at = head.indexOf('@');
  if (at === -1) return { user: '', password: '', start };
  const credentials = head.slice(0, at);
  const colon = credentials.indexOf(':');
  return {
    user: colon === -1 ? credentials : credentials.slice(0, colon),
    password: colon === -1 ? '' : credentials.slice(colon + 1),
    start: start + at + 1,
  };
}

/** `host:port` pairs between commas. Ports without any number are as good as none. */
function locationsOf(
  uri: string,
  start: number,
): { hosts: string[]; ports: string[]; end: number } {
  const hosts: string[] = [];
  const ports: string[] = [];
  let at = start;
  for (;;) {
    const location =
      uri[at] === '[' ? bracketed(uri, at) : { host: untilAny(uri, at, ':/?,'), length: undefined };
    hosts.push(location.host);
    at += location.length ?? location.host.length;
    const port = uri[at] === ':' ? untilAny(uri, at + 1, '/?,') : undefined;
    ports.push(port ?? '');
    at += port === undefined ? 0 : port.length + 1;
    if (uri[at] !== ',') return { hosts, ports, end: at };
    at += 1;
  }
}

function bracketed(uri: string, at: number): { host: string; length: number } {
  const close = uri.indexOf(']', at);
  const whole = quoted(uri, uri);
  if (close === -1) {
    throw new ConninfoError(
      `end of string reached when looking for matching "]" in IPv6 host address in URI: ${whole}`,
    );
  }
  if (close === at + 1)
    throw new ConninfoError(`IPv6 host address may not be empty in URI: ${whole}`);
  const next = uri[close + 1];
  if (next !== undefined && !':/?,'.includes(next)) {
    throw new ConninfoError(
      `unexpected character ${quoted(next, uri)} at position ${close + 2} in URI (expected ":" or "/"): ${whole}`,
    );
  }
  return { host: uri.slice(at + 1, close), length: close + 1 - at };
}

function untilAny(text: string, from: number, ends: string): string {
  let to = from;
  while (to < text.length && !ends.includes(text.charAt(to))) to += 1;
  return text.slice(from, to);
}

function readQuery(query: string, uri: string, values: GivenValues): void {
  const parameters = query.split('&');
  // One “&” at the end is not followed by anything.
  if (parameters.at(-1) === '') parameters.pop();
  for (const parameter of parameters) {
    const [key = '', raw, ...more] = parameter.split('=');
    if (raw === undefined || more.length > 0) {
      const what = raw === undefined ? 'missing' : 'extra';
      throw new ConninfoError(
        `${what} key/value separator "=" in URI query parameter: ${quoted(key, uri)}`,
        { advice: 'Write %3D for “=” in a value.' },
      );
    }
    const keyword = decodePercent(key, uri);
    const value = decodePercent(raw, uri);
    // JDBC's spelling.
    if (keyword === 'ssl' && value === 'true') values.set('sslmode', 'require');
    else if (!storeValue(values, keyword, value)) {
      throw new ConninfoError(`invalid URI query parameter: ${quoted(keyword, uri)}`);
    }
  }
}

/** Blanks around a value are not part of it; a “+” is one. */
function decodePercent(raw: string, uri: string): string {
  const text = raw.replace(/^ +| +$/g, '');
  if (text.includes(' ')) {
    throw new ConninfoError(
      `unexpected spaces found in ${quoted(raw, uri)}, use percent-encoded spaces (%20) instead`,
    );
  }
  if (text.includes('%00')) {
    throw new ConninfoError(`forbidden value %00 in percent-encoded value: ${quoted(raw, uri)}`);
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConninfoError(`invalid percent-encoded token: ${quoted(raw, uri)}`, {
      advice: 'Write %25 for a percent sign.',
    });
  }
}
