import type { LoadReport, ReportError } from '@copyline/contracts';
import { quoteIdentifier, type Connection } from '@copyline/dws-client';

/** One run of a load, as history shows it. */
export interface HistoryEntry {
  readonly loadId: string;
  readonly state: 'running' | 'done' | 'deduplicated' | 'failed' | 'abandoned';
  readonly target: string;
  readonly source: string;
  readonly slot: string;
  readonly bytes: number;
  readonly digest: string | null;
  readonly rowsParsed: number | null;
  readonly rowsLoaded: number | null;
  /** Records that were refused; 1 where the load has ended with an error. Null while it runs. */
  readonly errors: number | null;
  readonly firstError: FirstError | null;
  readonly duplicateOf: string | null;
  readonly repeat: number;
  readonly client: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly report: LoadReport | null;
  readonly error: ReportError | null;
}

/** The first record that was refused, or what has ended the load. */
export type FirstError = Pick<
  ReportError,
  'code' | 'message' | 'record' | 'line' | 'column' | 'byteOffset'
>;

/** The newest runs first. */
export function readHistory(
  connection: Connection,
  schema: string,
  options: { readonly limit: number },
): Promise<HistoryEntry[]> {
  return readRuns(connection, schema, 'TRUE', [], options.limit);
}

/** At most two runs whose id begins with a prefix: enough to see that the prefix is ambiguous. */
export async function findRuns(
  connection: Connection,
  schema: string,
  prefix: string,
): Promise<HistoryEntry[]> {
  if (!/^[\da-f-]{4,36}$/.test(prefix)) return [];
  return readRuns(connection, schema, 'load_id::text LIKE $1', [`${prefix}%`], 2);
}

async function readRuns(
  connection: Connection,
  schema: string,
  condition: string,
  values: readonly unknown[],
  limit: number,
): Promise<HistoryEntry[]> {
  const { rows } = await connection.query<HistoryRow>(
    `SELECT load_id, state, target_name, source, slot, source_bytes, digest, rows_loaded,
            duplicate_of, repeat, client, started_at, finished_at, report, error
       FROM ${quoteIdentifier(schema)}.load WHERE ${condition}
      ORDER BY started_at DESC LIMIT ${String(limit)}`,
    values,
  );
  return rows.map(historyEntry);
}

interface HistoryRow {
  load_id: string;
  state: HistoryEntry['state'];
  target_name: string;
  source: string;
  slot: string;
  source_bytes: bigint;
  digest: string | null;
  rows_loaded: bigint | null;
  duplicate_of: string | null;
  repeat: number;
  client: string;
  started_at: string;
  finished_at: string | null;
  report: LoadReport | null;
  error: ReportError | null;
}

function historyEntry(row: HistoryRow): HistoryEntry {
  // Reports of older versions have no rejects.
  const { rowsParsed, rowsRejected, rejects = [] }: Partial<LoadReport> = row.report ?? {};
  const [reject] = rejects;
  const first = row.error ?? (reject && { ...reject, message: reject.reason });
  return {
    loadId: row.load_id,
    state: row.state,
    target: row.target_name,
    source: row.source,
    slot: row.slot,
    bytes: Number(row.source_bytes),
    digest: row.digest,
    rowsParsed: rowsParsed ?? null,
    rowsLoaded: row.rows_loaded === null ? null : Number(row.rows_loaded),
    errors: row.error === null ? (rowsRejected ?? null) : 1,
    firstError: first === undefined ? null : firstError(first),
    duplicateOf: row.duplicate_of,
    repeat: row.repeat,
    client: row.client,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    report: row.report,
    error: row.error,
  };
}

function firstError({ code, message, record, line, column, byteOffset }: FirstError): FirstError {
  return { code, message, record, line, column, byteOffset };
}
