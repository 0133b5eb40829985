import type { InjectedError } from '../proxy/wire-messages.ts';

/** What `version()` says on a GaussDB(DWS). Source: its documentation. */
export const DWS_VERSION =
  'PostgreSQL 9.2.4 (GaussDB 8.2.1 build 39137c2d) compiled at 2022-09-23 00:00:00 commit 5629 ' +
  'last mr 5138 release on x86_64-unknown-linux-gnu, compiled by g++ (GCC) 5.4.0, 64-bit';

/** Reported when a session starts, beside what PostgreSQL reports. */
export const DWS_PARAMETERS: Readonly<Record<string, string>> = {
  server_version: '9.2.4',
  connection_info: '',
  behavior_compat_options: '',
  application_type: 'not_perfect_sharding_type',
};

/** What PostgreSQL reports and a server made of 9.2 does not know. */
export const UNKNOWN_PARAMETERS = new Set([
  'in_hot_standby',
  'default_transaction_read_only',
  'scram_iterations',
  'search_path',
]);

/** What is added to a process id: thread ids of GaussDB are beyond 32 bits. */
export const PID_OFFSET = 140_229_352_617_744n;

/** The process of the real server that is meant by what a face, or a real server, calls it. */
export function realPid(pid: number | bigint): number {
  return Number(BigInt(pid) > PID_OFFSET ? BigInt(pid) - PID_OFFSET : pid);
}

const refusal = (sqlstate: string, message: string): InjectedError => ({ sqlstate, message });
const unsupported = (what: string): InjectedError => refusal('0A000', what);
const syntax = (near: string): InjectedError =>
  refusal('42601', `syntax error at or near "${near}"`);
const noColumn = (name: string): InjectedError =>
  refusal('42703', `Column "${name}" does not exist.`);
const noFunction = (name: string): InjectedError =>
  refusal('42883', `function ${name} does not exist`);

const COPY_UNDER_SAVEPOINT = unsupported('COPY does not support subtransactions or exceptions.');

/**
 * Statements that a GaussDB(DWS) refuses. Sources: its documentation ("Differences from PostgreSQL", the
 * table of psycopg2's methods, COPY), and for the last groups that it is made of PostgreSQL 9.2.4: what
 * came later is only there if the documentation names it.
 */
const REFUSED: readonly (readonly [pattern: RegExp, error: InjectedError])[] = [
  [/^\s*prepare\s+transaction\b/i, unsupported('Explicit prepare transaction is not supported.')],
  [/^\s*(listen|unlisten|notify)\b/i, unsupported('LISTEN/NOTIFY statement is not yet supported.')],
  [/\bpg_notify\s*\(/i, noFunction('pg_notify(unknown, unknown)')],
  [/^\s*discard\s+all\b/i, unsupported('DISCARD statement is not yet supported.')],
  [/\blo_(create|creat|open|import|export|unlink|put|get)\s*\(/i, noFunction('lo_*')],
  [/^\s*declare\s[^;]*\b(?<!no\s)scroll\b/i, unsupported('SCROLL CURSOR is not yet supported.')],
  [/\bwith\s+hold\b/i, unsupported('CURSOR ... WITH HOLD is not supported')],
  [/^\s*(move|fetch)\s+(backward|prior|first|last)/i, unsupported('cursor can only scan forward')],
  [/\bsession\s+characteristics\b[^;]*\bread\s+only\b/i, unsupported('SET SESSION READ ONLY')],
  [
    /\bdefault_transaction_read_only\b/i,
    unsupported('default_transaction_read_only cannot be set'),
  ],
  [
    /^\s*create\s+(extension|rule|domain|cast|operator|collation)\b/i,
    unsupported('This statement is not yet supported.'),
  ],
  [/\b(txid_status|pg_xact_status)\s*\(/i, noFunction('txid_status(bigint)')],
  // COPY of later versions
  [/^\s*copy\b[^]*\b(on_error|reject_limit|log_verbosity|force_null)\b/i, syntax('ON_ERROR')],
  [
    /^\s*copy\b[^]*\bto\s+stdout\b[^]*\bheader\b(?!\s+(?:false|off))/i,
    refusal('22023', 'HEADER of an export needs FILEHEADER'),
  ],
  [/^\s*copy\b[^]*\bfrom\s+program\b/i, syntax('PROGRAM')],
  // Catalogues, functions and grammar after PostgreSQL 9.2
  [/\battidentity\b/i, noColumn('attidentity')],
  [/\battgenerated\b/i, noColumn('attgenerated')],
  [/\bindnkeyatts\b/i, noColumn('indnkeyatts')],
  [/\bpg_partition_tree\s*\(/i, noFunction('pg_partition_tree(oid)')],
  [/\bto_regclass\s*\(/i, noFunction('to_regclass(text)')],
  [/\brow_security_active\s*\(/i, noFunction('row_security_active(oid)')],
  [/\bjsonb_(agg|build_object)\s*\(/i, noFunction('jsonb_agg(unknown)')],
  [/\bgen_random_uuid\s*\(/i, noFunction('gen_random_uuid()')],
  [/\block_timeout\b/i, refusal('42704', 'unrecognized configuration parameter "lock_timeout"')],
  [/\bgenerated\s+(always|by\s+default)\s+as\b/i, syntax('GENERATED')],
  [/\bwith\s+ordinality\b/i, syntax('ORDINALITY')],
  [/\bselect\s+from\b/i, syntax('FROM')],
  [/\bfilter\s*\(\s*where\b/i, syntax('(')],
  [/\bset\s*\([^)]*\)\s*=\s*\(\s*select\b/i, syntax('SELECT')],
  [/\bskip\s+locked\b/i, syntax('SKIP')],
];

/** The error with which a statement is refused; `undefined` for what is done. */
export function refusalOf(sql: string, savepoints: number): InjectedError | undefined {
  const code = sql.replace(/'(?:[^']|'')*'/g, "''").replace(/--[^\n]*/g, '');
  if (savepoints > 0 && /^\s*copy\b/i.test(code)) return COPY_UNDER_SAVEPOINT;
  return REFUSED.find(([pattern]) => pattern.test(code))?.[1];
}

const ACTIVITY = `(SELECT datid, datname, pid + ${PID_OFFSET}::int8 AS pid, usesysid, usename,
  application_name, client_addr, client_port, backend_start, xact_start, query_start, state_change,
  state, query FROM pg_catalog.pg_stat_activity)`;

/** A word after `pg_stat_activity` that is no alias. */
const NO_ALIAS = /^(?:where|on|join|left|inner|cross|order|group|limit|union|for|and|using)$/i;

const REWRITES: readonly (readonly [RegExp, string | ((...parts: string[]) => string)])[] = [
  [/(?<![\w.])version\(\)/gi, `(SELECT '${DWS_VERSION}'::text AS version)`],
  [/current_setting\('server_version'\)/gi, "'9.2.4'::text"],
  [/current_setting\('server_version_num'\)/gi, "'90204'::text"],
  [
    /(?<![\w.])(pg_(?:cancel|terminate)_backend)\(\s*([\w.$]+(?:\(\))?)\s*\)/gi,
    (_, name = '', pid = '') => `${name}((${pid}::int8 - ${PID_OFFSET}::int8)::int4)`,
  ],
  [
    /(?<![\w.])pg_backend_pid\(\)/gi,
    `(SELECT pg_backend_pid() + ${PID_OFFSET}::int8 AS pg_backend_pid)`,
  ],
  [
    /(?<![\w.])pg_stat_activity\b(?:\s+(?:as\s+)?([a-z_]\w*))?/gi,
    (_, word = '') =>
      word === '' || NO_ALIAS.test(word)
        ? `${ACTIVITY} pg_stat_activity ${word}`
        : `${ACTIVITY} ${word}`,
  ],
  // Where it keeps its word it is silently done at a lower level.
  [/\bisolation\s+level\s+serializable\b/gi, 'ISOLATION LEVEL REPEATABLE READ'],
  // How tables lie on its nodes; PostgreSQL has one node.
  [/\bdistribute\s+by\s+(?:replication|roundrobin|hash\s*\([^)]*\))/gi, ''],
  [/\bwith\s*\(\s*orientation\s*=\s*\w+[^)]*\)/gi, ''],
];

/** The same statement as PostgreSQL must be told it, so that it answers as a GaussDB(DWS) would. */
export function rewrite(sql: string): string {
  return REWRITES.reduce(
    (text, [pattern, by]) =>
      typeof by === 'string' ? text.replace(pattern, () => by) : text.replace(pattern, by),
    sql,
  );
}
