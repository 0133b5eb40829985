import { ConninfoError } from './conninfo-error.ts';
import type { GivenValues, Keyword } from './keywords.ts';

export const SSL_MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] as const;
/** libpq's `sslmode`. */
export type SslMode = (typeof SSL_MODES)[number];

export const TARGET_SESSION_ATTRS = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;
/** libpq's `target_session_attrs`. */
export type TargetSessionAttrs = (typeof TARGET_SESSION_ATTRS)[number];

const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** Keywords with a closed list of values. Empty means the default, except where libpq refuses it. */
const ENUMERATIONS: Partial<Record<Keyword, readonly string[]>> = {
  sslmode: SSL_MODES,
  target_session_attrs: TARGET_SESSION_ATTRS,
  load_balance_hosts: ['disable', 'random'],
  ssl_min_protocol_version: ['', ...TLS_VERSIONS],
  ssl_max_protocol_version: ['', ...TLS_VERSIONS],
  sslsni: ['', '0', '1'],
  keepalives: ['', '0', '1'],
};

/**
 * What of libpq is not here, with the values that ask for nothing beyond what is. Whoever asks for a
 * protection must not be left without it in silence.
 */
const WITHOUT: Partial<Record<Keyword, readonly string[]>> = {
  require_auth: [''],
  channel_binding: ['', 'disable', 'prefer'],
  sslnegotiation: ['', 'postgres'],
  sslcertmode: ['', 'disable', 'allow'],
  sslcrldir: [''],
  sslkeylogfile: [''],
  requirepeer: [''],
  gssencmode: ['', 'disable', 'prefer'],
  replication: ['', 'false', 'off', 'no', '0'],
  min_protocol_version: ['', '3.0'],
  client_encoding: ['', 'auto', 'utf8', 'utf-8', 'unicode'],
};

/** Keywords whose value is a whole number. */
const NUMBERS: readonly Keyword[] = [
  'connect_timeout',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
];

/** @throws ConninfoError for a value that cannot be followed */
export function checkValues(values: GivenValues): void {
  for (const [keyword, value] of values) {
    const allowed = ENUMERATIONS[keyword];
    if (allowed !== undefined && !allowed.includes(value)) {
      throw new ConninfoError(`invalid ${keyword} value`, {
        advice: `Use one of ${allowed.filter((each) => each !== '').join(', ')}.`,
      });
    }
    if (WITHOUT[keyword]?.includes(value.toLowerCase()) === false) {
      throw new ConninfoError(`this value of ${keyword} is not supported`);
    }
    if (NUMBERS.includes(keyword) && !/^(\s*[-+]?\d{1,9}\s*)?$/.test(value)) {
      throw new ConninfoError(`invalid integer value for connection option "${keyword}"`);
    }
  }
  checkHosts(values);
  const [least, most] = (['ssl_min_protocol_version', 'ssl_max_protocol_version'] as const).map(
    (keyword) => (TLS_VERSIONS as readonly string[]).indexOf(values.get(keyword) ?? ''),
  );
  if (least !== undefined && most !== undefined && most !== -1 && least > most) {
    throw new ConninfoError('invalid SSL protocol version range');
  }
}

/** The lists of hosts, addresses and ports must fit together. */
function checkHosts(values: GivenValues): void {
  const count = (keyword: Keyword): number => values.get(keyword)?.split(',').length ?? 0;
  const isGiven = (keyword: Keyword): boolean => (values.get(keyword) ?? '') !== '';
  if (isGiven('host') && isGiven('hostaddr') && count('host') !== count('hostaddr')) {
    throw new ConninfoError(
      `could not match ${count('host')} host names to ${count('hostaddr')} hostaddr values`,
    );
  }
  const hosts = isGiven('hostaddr') ? count('hostaddr') : isGiven('host') ? count('host') : 1;
  if (count('port') > 1 && count('port') !== hosts) {
    throw new ConninfoError(`could not match ${count('port')} port numbers to ${hosts} hosts`);
  }
  for (const port of values.get('port')?.split(',') ?? []) {
    if (port === '') continue;
    const number = Number(port);
    if (!/^\s*\d+\s*$/.test(port)) {
      throw new ConninfoError('invalid integer value for connection option "port"');
    }
    if (number < 1 || number > 65535)
      throw new ConninfoError('invalid port number: it is not from 1 to 65535');
  }
}
