import type { TestDatabase } from '../databases/test-database.ts';

/** What the server says of the COPY commands that run on one table, summed over their backends. */
export interface CopyProgress {
  readonly pids: number[];
  readonly bytesProcessed: number;
  /** Rows past the triggers and into the table; a row parked at a gate is not counted yet. */
  readonly tuplesProcessed: number;
}

/**
 * Reads `pg_stat_progress_copy`; null when no COPY runs on that table. Made for `waitFor`:
 *
 *     await waitFor('half of the rows', async () =>
 *       ((await copyProgress(db, 'orders'))?.tuplesProcessed ?? 0) > 50_000);
 */
export async function copyProgress(
  db: TestDatabase,
  relation: string,
): Promise<CopyProgress | null> {
  const [progress] = await db.sql<Record<keyof CopyProgress, unknown>>(
    `select array_agg(pid) as pids,
            sum(bytes_processed)::float8 as "bytesProcessed",
            sum(tuples_processed)::float8 as "tuplesProcessed"
       from pg_stat_progress_copy
      where datname = current_database() and relid = $1::regclass`,
    [relation],
  );
  return progress?.pids ? (progress as unknown as CopyProgress) : null;
}
