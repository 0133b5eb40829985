import type { Job, JobState, JobTypeName, ReportError } from '@copyline/contracts';

/** A submission as a query gives it; times to the microsecond. */
export interface SubmissionRow {
  id: string;
  /** Of what `request`, `progress` and `report` are. */
  type: JobTypeName;
  state: JobState;
  request: unknown;
  schedule: string | null;
  nominal_at: string | null;
  runs: number;
  cancel_requested_at: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  next_run_at: string | null;
  worker: string | null;
  progress: unknown;
  report: unknown;
  error: ReportError | null;
  revision: number;
}

/** A timestamptz as ISO 8601 in UTC, whatever DateStyle and TimeZone the session has. */
export function isoUtc(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`;
}

const TIMES = [
  ...['nominal_at', 'cancel_requested_at', 'created_at', 'started_at', 'finished_at'],
  'next_run_at',
];

export const JOB_COLUMNS = `id, type, state, request, schedule, runs, worker, progress, report, error,
  revision, ${TIMES.map(isoUtc).join(', ')}`;

export function jobOf(row: SubmissionRow): Job {
  const { schedule, nominal_at: nominalAt } = row;
  return {
    id: row.id,
    type: row.type,
    [row.type]: row.request,
    state: row.state,
    schedule:
      schedule === null || nominalAt === null
        ? null
        : { name: schedule, nominalAt: instantOf(nominalAt) },
    runs: row.runs,
    cancelRequested: row.cancel_requested_at !== null,
    createdAt: instantOf(row.created_at),
    startedAt: instantOrNull(row.started_at),
    finishedAt: instantOrNull(row.finished_at),
    nextRunAt: instantOrNull(row.next_run_at),
    worker: row.worker,
    progress: row.progress,
    report: row.report,
    error: row.error,
    revision: row.revision,
  } as Job; // its parts are written together, and are of one type
}

/** As the API writes it: to the millisecond. */
export function instantOf(timestamp: string): string {
  return new Date(timestamp).toISOString();
}

export function instantOrNull(timestamp: string | null): string | null {
  return timestamp === null ? null : instantOf(timestamp);
}
