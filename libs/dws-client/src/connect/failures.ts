import { CopylineError, type ErrorCode } from '@copyline/contracts';
import pg from 'pg';

import type { ConnectionParameters } from '../conninfo/keywords.ts';
import { fromServerError, keepValuesOut, reasonOf, shorten, sqlstateOf } from '../server-errors.ts';
import { describeTarget } from './hosts.ts';

/** An address that was tried in vain. */
export interface FailedAttempt {
  /** For people: `db1:5432 (10.0.0.7)`. */
  readonly where: string;
  readonly error: unknown;
}

/** Whether the search ends here, as in libpq when the server has refused the login. */
export function isDecisive(error: unknown): boolean {
  if (codeOf(error) !== 'CONNECT_FAILED') return true;
  return error instanceof pg.DatabaseError && !MAY_DIFFER_ELSEWHERE.test(error.code ?? '');
}

/**
 * Where another server may do what this one refused. libpq goes on only from a server that is about to
 * start or stop (57P03); here also from one that is full, and from a coordinator without its nodes.
 */
const MAY_DIFFER_ELSEWHERE = /^(08|53|57P|YY)/;

/** What all attempts come to: every address that was tried, and why it was not to be had. */
export function connectFailure(
  parameters: ConnectionParameters,
  attempts: readonly FailedAttempt[],
): CopylineError {
  const errors = attempts.map(({ error }) => error);
  for (const each of errors) keepValuesOut(each);
  const last = errors.at(-1);
  const code = codeOf(last);
  const isOne = attempts.length === 1;
  const reasons = attempts.map(({ where, error }) =>
    isOne ? explain(error) : `${where}: ${explain(error)}`,
  );
  const isRefusal = isOne && code !== 'CONNECT_FAILED';
  const message = `${isRefusal ? '' : 'No connection to '}${describeTarget(parameters)}: ${reasons.join('; ')}`;
  const sqlstates = new Set(errors.map(sqlstateOf));
  // The state of one among several would speak for all of them.
  const sqlstate = code !== 'CONNECT_FAILED' || sqlstates.size === 1 ? sqlstateOf(last) : undefined;
  return new CopylineError(code, message, {
    cause: isOne ? last : new AggregateError(errors, message),
    phase: 'connect',
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(last instanceof CopylineError ? { advice: last.advice } : {}),
  });
}

function codeOf(error: unknown): ErrorCode {
  if (isMissingPassword(error)) return 'AUTH_FAILED';
  if (error instanceof CopylineError) return error.code;
  const { code } = error instanceof pg.DatabaseError ? fromServerError(error) : {};
  return code === 'AUTH_FAILED' || code === 'DATABASE_NOT_FOUND' ? code : 'CONNECT_FAILED';
}

function explain(error: unknown): string {
  if (isMissingPassword(error)) return 'the server asks for a password';
  return error instanceof pg.DatabaseError
    ? fromServerError(error).message
    : shorten(reasonOf(error));
}

/** node-postgres' words for a password that it was not given. */
function isMissingPassword(error: unknown): boolean {
  return (
    error instanceof Error && /client password must be a (non-empty )?string/.test(error.message)
  );
}
