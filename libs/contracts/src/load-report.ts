import { z } from 'zod';

import { asCopylineError, type CopylineError } from './copyline-error.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import { rejectSchema } from './reject.ts';

const count = z.int().nonnegative();
const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** An error in a report. Offsets and numbers are null where they are not known. */
export const reportErrorSchema = z.strictObject({
  code: z.enum(codes),
  message: z.string(),
  source: z.string().nullable(),
  record: count.nullable(),
  line: count.nullable(),
  /** Of a Parquet file, from 0; left out where it is not known. */
  rowGroup: count.optional(),
  column: z.string().nullable(),
  byteOffset: count.nullable(),
  excerpt: z.string().nullable(),
  expected: z.string().nullable(),
  sqlstate: z.string().nullable(),
  retry: z.enum(['never', 'retry', 'busy', 'resolve']),
  commitState: z.enum(['none', 'rolled_back', 'committed', 'unknown']),
  /** Whether the place in the source is known exactly. */
  located: z.boolean(),
  /** What to do next. */
  advice: z.string(),
});
export type ReportError = z.infer<typeof reportErrorSchema>;

/** What became of fields and columns; names in their order. */
export const columnsReportSchema = z.strictObject({
  /** Columns that fields were loaded into. */
  loaded: z.array(z.string()),
  /** Fields that were not loaded, as the file calls them. */
  skipped: z.array(z.string()),
  /** Columns that the load has set. */
  set: z.array(z.string()),
  /** Columns left to their default, else NULL. */
  defaulted: z.array(z.string()),
});
export type ColumnsReport = z.infer<typeof columnsReportSchema>;

export const warningSchema = z.strictObject({ code: z.string(), message: z.string() });
export type Warning = z.infer<typeof warningSchema>;

/** One source of a load. */
export const fileReportSchema = z.strictObject({
  source: z.string(),
  bytes: count,
  /** Digest of the content with its algorithm, `xxh128:…`; null when it was not read to the end. */
  digest: z.string().nullable(),
  rowsParsed: count,
  rowsLoaded: count,
  /** Whether its content was in the target before. */
  deduplicated: z.boolean().default(false),
});

/**
 * The outcome of a load. `rowsParsed = rowsLoaded + rowsRejected + rowsSkipped + rowsSuppressed`.
 * A deduplicated load reports the rows and the id of the load that had stored the content.
 */
export const loadReportSchema = z.strictObject({
  loadId: z.string().nullable(),
  /**
   * `failed` and `interrupted`: nothing is loaded; of several files, those in `files` are. `in-doubt`:
   * not known yet.
   */
  status: z.enum(['loaded', 'failed', 'interrupted', 'in-doubt']),
  guarantee: z.enum(['exactly-once', 'at-least-once']),
  target: z.strictObject({
    /** Where the database is; never a password. */
    database: z.string().nullable(),
    table: z.string().nullable(),
    created: z.boolean(),
  }),
  source: z.string().nullable(),
  files: z.array(fileReportSchema),
  rowsParsed: count,
  rowsLoaded: count,
  rowsRejected: count,
  rowsSkipped: count,
  /** Rows that a trigger of the target did not let in. */
  rowsSuppressed: count,
  bytesRead: count,
  durationMs: z.number().nonnegative(),
  /** Milliseconds of each phase. */
  phases: z.record(z.string(), z.number().nonnegative()),
  lane: z
    .strictObject({
      /** Which of them was planned; single chunks may have taken the other one. */
      name: z.enum(['binary', 'text', 'byte', 'tolerant']),
      reason: z.string(),
      rowsBinary: count,
      rowsText: count,
    })
    .nullable(),
  /** `null` before there was a plan, and in reports of older versions. */
  columns: columnsReportSchema.nullable().default(null),
  attempts: count,
  deduplicated: z.boolean(),
  /** The first refused records; all of them are in the ledger. Also of a load that had too many. */
  rejects: z.array(rejectSchema).default([]),
  warnings: z.array(warningSchema),
  error: reportErrorSchema.nullable(),
});
export type LoadReport = z.infer<typeof loadReportSchema>;

/** The error as it stands in reports and in the ledger. */
export function reportError(error: unknown): ReportError {
  const known: CopylineError = asCopylineError(error);
  const { source, record, line, rowGroup, column, byteOffset, excerpt, expected } = known.place;
  return {
    code: known.code,
    message: known.message,
    source: source ?? null,
    record: record ?? null,
    line: line ?? null,
    ...(rowGroup === undefined ? {} : { rowGroup }),
    column: column ?? null,
    byteOffset: byteOffset ?? null,
    excerpt: excerpt ?? null,
    expected: expected ?? null,
    sqlstate: known.sqlstate ?? null,
    retry: known.retry,
    commitState: known.commitState,
    located: known.located,
    advice: known.advice,
  };
}

/** The report of a load that was refused before anything was read. */
export function refusedReport(error: CopylineError): LoadReport {
  return {
    loadId: null,
    status: 'failed',
    guarantee: 'exactly-once',
    target: { database: null, table: null, created: false },
    source: error.place.source ?? null,
    files: [],
    rowsParsed: 0,
    rowsLoaded: 0,
    rowsRejected: 0,
    rowsSkipped: 0,
    rowsSuppressed: 0,
    bytesRead: 0,
    durationMs: 0,
    phases: {},
    lane: null,
    columns: null,
    attempts: 0,
    deduplicated: false,
    rejects: [],
    warnings: [],
    error: reportError(error),
  };
}
