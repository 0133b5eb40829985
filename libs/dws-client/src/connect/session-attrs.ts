import type { TargetSessionAttrs } from '../conninfo/supported-values.ts';
import type { OpenSession } from './open-session.ts';

/** What is asked of servers that do not report it when a session starts: before PostgreSQL 14. */
interface Question {
  /** The parameter that newer servers report. */
  readonly parameter: string;
  readonly sql: string;
}

const IN_STANDBY: Question = {
  parameter: 'in_hot_standby',
  sql: "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'on' ELSE 'off' END AS answer",
};
const READ_ONLY: Question = {
  parameter: 'default_transaction_read_only',
  sql: "SELECT pg_catalog.current_setting('transaction_read_only') AS answer",
};

/**
 * Why a session is not of the wanted kind; `undefined` when it is.
 *
 * Source: PostgreSQL documentation, `target_session_attrs`.
 */
export async function unwantedBecause(
  session: OpenSession,
  wanted: Exclude<TargetSessionAttrs, 'prefer-standby'>,
): Promise<string | undefined> {
  switch (wanted) {
    case 'any':
      return undefined;
    case 'primary':
      return (await isOn(session, IN_STANDBY)) ? 'server is in hot standby mode' : undefined;
    case 'standby':
      return (await isOn(session, IN_STANDBY)) ? undefined : 'server is not in hot standby mode';
    case 'read-write':
      return (await isReadOnly(session)) ? 'session is read-only' : undefined;
    case 'read-only':
      return (await isReadOnly(session)) ? undefined : 'session is not read-only';
  }
}

/** On a standby everything is, whatever the default says. */
async function isReadOnly(session: OpenSession): Promise<boolean> {
  return (await isOn(session, READ_ONLY)) || (await isOn(session, IN_STANDBY));
}

async function isOn({ client, reported }: OpenSession, question: Question): Promise<boolean> {
  const known = reported.get(question.parameter);
  if (known !== undefined) return known === 'on';
  const { rows } = await client.query<{ answer: string }>(question.sql);
  return rows[0]?.answer === 'on';
}
