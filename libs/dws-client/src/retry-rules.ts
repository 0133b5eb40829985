import { CopylineError } from '@copyline/contracts';

import { sqlstateOf } from './server-errors.ts';

/**
 * What is repeated as a whole:
 *
 * - `connect`: nothing has been executed yet.
 * - `idempotent-statement`: one statement in autocommit. Its caller declares that running it twice
 *   is the same as once, because after a lost connection nobody knows whether it has run.
 * - `transaction`: everything from BEGIN to COMMIT. Its error proves that nothing was committed.
 */
export type RetryUnit = 'connect' | 'idempotent-statement' | 'transaction';

/** `later`: soon would only make it worse. */
export type RetryVerdict = 'soon' | 'later' | 'never';

type Rule = Readonly<Record<RetryUnit, RetryVerdict>>;

const rule = (connect: RetryVerdict, statement: RetryVerdict, transaction: RetryVerdict): Rule => ({
  connect,
  'idempotent-statement': statement,
  transaction,
});

const NEVER = rule('never', 'never', 'never');
const SOON = rule('soon', 'soon', 'soon');
const LATER = rule('later', 'later', 'later');
const NOT_CONNECT = rule('never', 'soon', 'soon');

/**
 * SQLSTATE × unit. A key of five characters is that state, of fewer all that begin with it; the
 * longest wins, and what is not here is `never`. Sources: PostgreSQL documentation, appendix
 * "PostgreSQL Error Codes"; GaussDB(DWS) documentation, "Automatic Retry" for YY, CG and F00.
 */
const RULES: Readonly<Record<string, Rule>> = {
  '08': SOON,
  '08007': NEVER, // the outcome of a COMMIT is unknown
  '08P01': NEVER, // somebody does not speak the protocol
  '25006': NOT_CONNECT, // read only after a fail-over: the next connection goes elsewhere
  '25P03': NOT_CONNECT, // idle_in_transaction_session_timeout
  '25P04': NOT_CONNECT, // transaction_timeout
  '40000': NOT_CONNECT,
  '40001': NOT_CONNECT, // serialization failure
  '40P01': NOT_CONNECT, // deadlock
  '40003': NEVER, // completion unknown
  '42P30': rule('never', 'later', 'later'), // DWS: schema name changed meanwhile
  '45003': rule('never', 'later', 'later'), // DWS: partitions changed during the scan
  '53': SOON,
  '53100': LATER, // disk full
  '53300': LATER, // too many connections
  '53400': LATER, // configured limit
  '55006': NOT_CONNECT, // object in use
  '55P03': NOT_CONNECT, // lock not available
  '57P': SOON, // shut down, crashed, starting up
  '57P04': NEVER, // the database was dropped
  YY: rule('soon', 'later', 'later'),
  XX003: rule('soon', 'later', 'later'), // DWS: stream closed
  XX009: rule('soon', 'later', 'later'), // DWS: duplicate query id
  CG003: rule('never', 'later', 'later'),
  CG004: rule('never', 'later', 'later'),
  F0011: rule('never', 'later', 'later'),
  F0012: rule('never', 'later', 'later'),
};

/**
 * What GaussDB(DWS) repeats by itself, up to `max_query_retry_times` (6): single statements outside
 * a transaction block, never COPY FROM STDIN. Who sees one of these there sees the last of seven
 * failures. Source: GaussDB(DWS) documentation, "Automatic Retry", `retry_ecode_list`.
 */
const CN_RETRY_ONLY = /^(YY0(0[1-9]|1[0-6])|XX003|XX009|CG00[34]|F001[12]|45003|42P30)$/;
/** Of the same list: states that other servers have, too. */
const CN_RETRY_SHARED = /^(53200|08006|08000|57P01)$/;

/**
 * Whether the server has repeated the statement already.
 *
 * @param isDws whether the server is known to be a GaussDB(DWS)
 */
export function wasRetriedByServer(error: unknown, unit: RetryUnit, isDws: boolean): boolean {
  if (unit !== 'idempotent-statement') return false;
  const sqlstate = sqlstateOf(error) ?? '';
  return CN_RETRY_ONLY.test(sqlstate) || (isDws && CN_RETRY_SHARED.test(sqlstate));
}

/** TLS that is refused today is refused tomorrow. */
const TLS_REFUSAL = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_|HOSTNAME_MISMATCH/;

/**
 * Whether, and how soon, a unit of work that failed like this may be repeated. When in doubt, and
 * whenever something may be committed: never.
 */
export function retryVerdict(error: unknown, unit: RetryUnit): RetryVerdict {
  if (!(error instanceof CopylineError)) return 'never';
  if (error.commitState === 'unknown' || error.commitState === 'committed') return 'never';
  if (error.code === 'INTERRUPTED') return 'never'; // somebody wants it to end
  if (error.sqlstate !== undefined) return verdictOfSqlstate(error.sqlstate, unit);
  if (error.code === 'CONNECT_FAILED') return verdictOfConnectFailure(error.cause);
  if (error.code === 'POOL_TIMEOUT') return 'later';
  return error.retry === 'retry' ? 'soon' : 'never';
}

function verdictOfSqlstate(sqlstate: string, unit: RetryUnit): RetryVerdict {
  for (let length = sqlstate.length; length >= 2; length -= 1) {
    const found = RULES[sqlstate.slice(0, length)];
    if (found !== undefined) return found[unit];
  }
  return 'never';
}

function verdictOfConnectFailure(cause: unknown): RetryVerdict {
  if (cause instanceof AggregateError) {
    // Of several addresses the one with the best prospects.
    const verdicts = cause.errors.map(verdictOfConnectFailure);
    return (['soon', 'later'] as const).find((each) => verdicts.includes(each)) ?? 'never';
  }
  const sqlstate = sqlstateOf(cause);
  if (sqlstate !== undefined) return verdictOfSqlstate(sqlstate, 'connect');
  if (!(cause instanceof Error)) return 'soon';
  const errno = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (errno === 'ENOTFOUND') return 'later'; // a name that is not there yet, or a typing error
  if (TLS_REFUSAL.test(errno) || cause.message.includes('does not support SSL')) return 'never';
  return 'soon';
}
