import type pg from 'pg';
import { waitFor } from '../waiting.ts';
import { type Row, rowsOf } from './sql-client.ts';

/** How long a session may need to vanish after its client has gone. */
const GRACE_MS = 5_000;

interface ProductSession extends Row {
  pid: number;
  application_name: string;
  state: string;
  wait_event: string | null;
  query: string;
}

/**
 * Fails when a session of the product still works, or sits in a transaction, in a database
 * after a bounded wait. Idle sessions are a pool's right.
 */
export async function expectNoBusyProductSession(
  client: pg.Client,
  database: string,
  graceMs = GRACE_MS,
): Promise<void> {
  let left: ProductSession[] = [];
  const gone = async (): Promise<boolean> => {
    left = await busyProductSessions(client, database);
    return left.length === 0;
  };
  await waitFor('the sessions of the product to end', gone, { timeoutMs: graceMs }).catch(
    (error: unknown) => {
      if (left.length === 0) throw error;
      throw new Error(`the product left ${left.length} busy session(s): ${JSON.stringify(left)}`);
    },
  );
}

/** Ends what a failed test left behind, so that it holds no lock against the next test. */
export async function terminateProductSessions(client: pg.Client, database: string): Promise<void> {
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = $1 and application_name like 'copyline%'`,
    [database],
  );
}

function busyProductSessions(client: pg.Client, database: string): Promise<ProductSession[]> {
  return rowsOf<ProductSession>(
    client,
    `select pid, application_name, state, wait_event, left(query, 200) as query
       from pg_stat_activity
      where datname = $1
        and application_name like 'copyline%'
        and (state = 'active' or state like 'idle in transaction%')
      order by pid`,
    [database],
  );
}
