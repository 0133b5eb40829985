import type { Secret } from '../secret.ts';

/** libpq's keywords, with the environment variable that gives each its default. */
export const KEYWORDS = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  service: 'PGSERVICE',
  options: 'PGOPTIONS',
  application_name: 'PGAPPNAME',
  fallback_application_name: undefined,
  // Text is Unicode here, whatever the terminal speaks that PGCLIENTENCODING is for.
  client_encoding: undefined,
  connect_timeout: 'PGCONNECT_TIMEOUT',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
  keepalives: undefined,
  keepalives_idle: undefined,
  keepalives_interval: undefined,
  keepalives_count: undefined,
  tcp_user_timeout: undefined,
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslcertmode: 'PGSSLCERTMODE',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslsni: 'PGSSLSNI',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslcompression: 'PGSSLCOMPRESSION',
  sslkeylogfile: undefined,
  channel_binding: 'PGCHANNELBINDING',
  require_auth: 'PGREQUIREAUTH',
  requirepeer: 'PGREQUIREPEER',
  gssencmode: 'PGGSSENCMODE',
  krbsrvname: 'PGKRBSRVNAME',
  gsslib: 'PGGSSLIB',
  gssdelegation: 'PGGSSDELEGATION',
  replication: undefined,
  min_protocol_version: 'PGMINPROTOCOLVERSION',
  max_protocol_version: 'PGMAXPROTOCOLVERSION',
} as const;

export type Keyword = keyof typeof KEYWORDS;
type SecretKeyword = 'password' | 'sslpassword';

/**
 * Where and how to connect: libpq's keywords with their values as text, secrets wrapped. What is left
 * out, or empty, has libpq's default when it comes to connecting.
 */
export type ConnectionParameters = {
  readonly [K in Keyword]?: K extends SecretKeyword ? Secret : string;
};

/** Values as they were written, before anything is wrapped or looked up. */
export type GivenValues = Map<Keyword, string>;

function isKeyword(text: string): text is Keyword {
  return Object.hasOwn(KEYWORDS, text);
}

export function isSecretKeyword(keyword: Keyword): keyword is SecretKeyword {
  return keyword === 'password' || keyword === 'sslpassword';
}

/** A value that says something: libpq takes an empty one for its default. */
export function valueOf(
  parameters: ConnectionParameters,
  keyword: Exclude<Keyword, SecretKeyword>,
): string | undefined {
  const value = parameters[keyword];
  return value === '' ? undefined : value;
}

/**
 * Takes a value down as it was written. `requiressl` is as old as PostgreSQL 7.4, and still understood.
 *
 * @returns whether there is such a keyword
 */
export function storeValue(values: GivenValues, name: string, value: string): boolean {
  if (name === 'requiressl') values.set('sslmode', value.startsWith('1') ? 'require' : 'prefer');
  else if (isKeyword(name)) values.set(name, value);
  else return false;
  return true;
}
