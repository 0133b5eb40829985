import { CopylineError, type ErrorCode } from '@copyline/contracts';
import pg from 'pg';

import type { ConnectionParameters } from '../conninfo/keywords.ts';
import { fromServerError, keepValuesOut, reasonOf, shorten } from '../server-errors.ts';
import { describeTarget } from './hosts.ts';

/** An address that was tried in vain. */
export interface FailedAttempt {
  /** For people: `db1:5432 (10.0.0.7)`. */
  readonly where: string;
  readonly error: unknown;
}

/** What no other host would answer differently: who may come in, and to which database. */
const DECISIVE: readonly ErrorCode[] = ['AUTH_FAILED', 'DATABASE_NOT_FOUND'];

/** Whether the search ends here, as in libpq when the server has refused the login. */
export function isDecisive(error: unknown): boolean {
  return DECISIVE.includes(codeOf(error)) || !mayDifferElsewhere(error);
}

/**
 * Whether another server may answer where this one refused. libpq asks on only where a server is about
 * to start or stop (57P03); one that is full, or a coordinator without its nodes, is left here as well.
 */
function mayDifferElsewhere(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || /^(08|53|57P|YY)/.test(error.code ?? '');
}

/** What all attempts come to: every address that was tried, and why it was not to be had. */
export function connectFailure(
  parameters: ConnectionParameters,
  attempts: readonly FailedAttempt[],
): CopylineError {
  const target = describeTarget(parameters);
  const last = attempts.at(-1)?.error;
  const code = codeOf(last);
  const errors = attempts.map(({ error }) => error);
  for (const each of errors) keepValuesOut(each);
  const isOne = attempts.length === 1;
  const reasons = attempts.map(({ where, error }) =>
    isOne ? explain(error) : `${where}: ${explain(error)}`,
  );
  const message = `${DECISIVE.includes(code) && isOne ? '' : 'No connection to '}${target}: ${reasons.join('; ')}`;
  const states = new Set(errors.map(sqlstateOfServer));
  const [sqlstate] = DECISIVE.includes(code)
    ? [sqlstateOfServer(last)]
    : states.size === 1
      ? states
      : [];
  return new CopylineError(code, message, {
    cause: isOne ? last : new AggregateError(errors, message),
    phase: 'connect',
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
}

function codeOf(error: unknown): ErrorCode {
  if (isMissingPassword(error)) return 'AUTH_FAILED';
  const code = error instanceof pg.DatabaseError ? fromServerError(error).code : undefined;
  return code !== undefined && DECISIVE.includes(code) ? code : 'CONNECT_FAILED';
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

function sqlstateOfServer(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
