import { z } from 'zod';

import { extractReportSchema } from './extract-report.ts';
import { extractRequestSchema } from './extract-request.ts';
import { loadReportSchema, reportErrorSchema } from './load-report.ts';
import { loadRequestSchema, nameSchema } from './load-request.ts';

const count = z.int().nonnegative();
/** ISO 8601 in UTC, with milliseconds. */
const instant = z.iso.datetime();

/**
 * The states of a submission.
 *
 * - `queued`: nobody has begun, or a worker that was stopped has put it back.
 * - `running`: a worker is at it.
 * - `waiting`: it failed for a passing reason, or another run holds its source; tried again later.
 * - `in-doubt`: whether a run was committed is not known; the next one asks before anything else.
 * - `done`, `failed`, `cancelled`: final. Only `done` has rows in the target, or files in the sink.
 */
export const JOB_STATES = [
  ...(['queued', 'running', 'waiting', 'in-doubt'] as const),
  ...(['done', 'failed', 'cancelled'] as const),
] as const;
export const jobStateSchema = z.enum(JOB_STATES);
export type JobState = z.infer<typeof jobStateSchema>;

export const FINAL_STATES = ['done', 'failed', 'cancelled'] as const satisfies JobState[];

export function isFinal(state: JobState): boolean {
  return (FINAL_STATES as readonly JobState[]).includes(state);
}

/** How far a running load has come. */
export const jobProgressSchema = z.strictObject({
  phase: z.string(),
  /** Bytes of the source that the phase is done with. */
  bytesRead: count,
  bytesTotal: count,
  rowsParsed: count,
  /** Over the last seconds, not since the start; null until there is something to measure. */
  bytesPerSecond: z.number().nonnegative().nullable(),
  rowsPerSecond: z.number().nonnegative().nullable(),
  /** Of this phase, at the present rate. */
  secondsLeft: z.number().nonnegative().nullable(),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

/** How far a running extract has come. Nobody knows beforehand how much there is. */
export const extractJobProgressSchema = z.strictObject({
  phase: z.string(),
  /** What the server has sent. */
  bytesRead: count,
  rowsRead: count,
  bytesPerSecond: z.number().nonnegative().nullable(),
  rowsPerSecond: z.number().nonnegative().nullable(),
});
export type ExtractJobProgress = z.infer<typeof extractJobProgressSchema>;

/** The types of jobs, as the control database and the queue call them. */
export const JOB_TYPE_NAMES = ['load', 'extract'] as const;
export type JobTypeName = (typeof JOB_TYPE_NAMES)[number];

const members = {
  id: z.uuid(),
  state: jobStateSchema,
  /** The occurrence that submitted it, if a schedule did. */
  schedule: z.strictObject({ name: nameSchema, nominalAt: instant }).nullable(),
  /** How many times a worker has begun. */
  runs: count,
  cancelRequested: z.boolean(),
  createdAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  /** Of a job that waits: when it is tried again. */
  nextRunAt: instant.nullable(),
  /** Host and process of the last run. */
  worker: z.string().nullable(),
  /** Why the last run has failed; also of a job that waits. */
  error: reportErrorSchema.nullable(),
  /** Goes up with every change: of two views of a job the higher one is the newer. */
  revision: count,
};

/** A submitted load and what has become of it. */
export const loadJobSchema = z.strictObject({
  type: z.literal('load'),
  /** The load as it was asked for. */
  load: loadRequestSchema,
  ...members,
  progress: jobProgressSchema.nullable(),
  /** Of the last run that has ended. */
  report: loadReportSchema.nullable(),
});
export type LoadJob = z.infer<typeof loadJobSchema>;

/** A submitted extract and what has become of it. Its id is also that of the extract. */
export const extractJobSchema = z.strictObject({
  type: z.literal('extract'),
  /** The extract as it was asked for. */
  extract: extractRequestSchema,
  ...members,
  progress: extractJobProgressSchema.nullable(),
  /** Of the last run that has ended. */
  report: extractReportSchema.nullable(),
});
export type ExtractJob = z.infer<typeof extractJobSchema>;

export const jobSchema = z.discriminatedUnion('type', [loadJobSchema, extractJobSchema]);
export type Job = z.infer<typeof jobSchema>;

/** What is to be done, without what has become of it. */
export type Work = Pick<LoadJob, 'type' | 'load'> | Pick<ExtractJob, 'type' | 'extract'>;

/** The file that a job is about: the source of a load, the sink of an extract. */
export function fileOf(work: Work): string {
  return work.type === 'load' ? work.load.source : work.extract.to;
}

export const jobListSchema = z.strictObject({
  jobs: z.array(jobSchema),
  /** What to give as `before` for the next page; null on the last one. */
  next: z.string().nullable(),
});
export type JobList = z.infer<typeof jobListSchema>;
