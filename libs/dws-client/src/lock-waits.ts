import { CopylineError } from '@copyline/contracts';

import type { Connection } from './connection.ts';

/** A lock that is waited for this long is worth a look, and so is every such time after that. */
const LOOK_EVERY_MS = 250;

/** What a wait for a lock ends with, when it ends badly: lock_timeout, statement_timeout, our own. */
const ENDS_WAITING = new Set(['55P03', '57014']);

/**
 * The sessions that a waiting one waits for. `pg_blocking_pids` stops the server's lock manager for
 * a moment, so it is asked only about a session that does wait. Source: PostgreSQL documentation,
 * "System Information Functions".
 */
const BLOCKERS = `
  SELECT held.pid, held.application_name AS name
    FROM pg_stat_activity AS waiting
   CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
    JOIN pg_stat_activity AS held ON held.pid = blocking.pid
   WHERE waiting.pid = $1 AND waiting.wait_event_type = 'Lock'`;

/** One session that is waited for. */
interface Blocker {
  readonly pid: number;
  /** Empty where the other session has none, or where this user may not see it. */
  readonly name: string | null;
}

/** Whoever can run a query beside the one that waits: another connection, or a pool. */
export type Onlooker = Pick<Connection, 'query'>;

/**
 * Runs `work` on a connection; when it fails because a lock was not got in time (`lock_timeout`,
 * `statement_timeout`, `COPY_STALLED`), the error names the processes that held it.
 *
 * Nobody can know afterwards who it was, so the question is asked meanwhile: every 250 ms while `work`
 * runs, with one short query on the onlooker, whose failures do not matter. Where the server has no
 * such function (GaussDB(DWS)) the error stays as it is.
 *
 * @throws what `work` throws; of the errors above a copy with `…; waited for process 4711 (psql)`
 */
export async function namingBlockers<T>(
  connection: Connection,
  onlooker: Onlooker,
  work: () => Promise<T>,
): Promise<T> {
  const pid = await connection.backendPid();
  let blockers: readonly Blocker[] = [];
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    const { rows } = await onlooker.query<Blocker>(BLOCKERS, [pid]);
    if (rows.length > 0) blockers = rows;
  };
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => undefined);
  }, LOOK_EVERY_MS);
  try {
    return await work();
  } catch (error) {
    throw withBlockers(error, blockers);
  } finally {
    clearInterval(timer);
    await looking;
  }
}

function withBlockers(error: unknown, blockers: readonly Blocker[]): unknown {
  if (!(error instanceof CopylineError) || blockers.length === 0) return error;
  if (!ENDS_WAITING.has(error.sqlstate ?? '') && error.code !== 'COPY_STALLED') return error;
  const names = blockers.map(({ pid, name }) => (name ? `${String(pid)} (${name})` : String(pid)));
  const plural = names.length === 1 ? 'process' : 'processes';
  const message = `${error.message}; waited for ${plural} ${names.join(', ')}`;
  const { code, cause, sqlstate, commitState, phase } = error;
  return new CopylineError(code, message, {
    ...{ cause, commitState },
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(phase === undefined ? {} : { phase }),
  });
}
