import { z } from 'zod';

import type { CopylineError } from './copyline-error.ts';
import { reportError, reportErrorSchema, warningSchema } from './load-report.ts';

const count = z.int().nonnegative();

/** One published file of an extract. */
export const extractedFileSchema = z.strictObject({
  /** Without a folder: it lies beside its manifest. */
  name: z.string().regex(/^[^/\\\0]+$/),
  rows: count,
  /** As stored, compressed or not. */
  bytes: count,
  /** Of the stored bytes, with its algorithm: `xxh128:…`. */
  digest: z.string().regex(/^xxh128:[0-9a-f]{32}$/),
});
export type ExtractedFile = z.infer<typeof extractedFileSchema>;

/**
 * What an extract consists of. It is written last: files without it are not known to be whole, and
 * an extract that has one is complete.
 */
export const manifestSchema = z.strictObject({
  /** Version of this form. */
  manifest: z.literal(1),
  extractId: z.uuid(),
  /** When the transaction that was read in began: ISO 8601 in UTC. */
  startedAt: z.iso.datetime(),
  source: z.strictObject({
    database: z.string(),
    /** `null` for a query. */
    table: z.string().nullable(),
    /** Digest of the SELECT that was run; its text may hold secrets. */
    fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  }),
  /** Settings of the session that the text of the values depends on. */
  session: z.record(z.string(), z.string()),
  format: z.enum(['csv', 'parquet']),
  /** Of CSV, and of nothing else. */
  csv: z
    .strictObject({
      delimiter: z.string(),
      quote: z.string(),
      escape: z.string(),
      null: z.string(),
      header: z.boolean(),
      quoting: z.enum(['needed', 'all']),
      excelSafe: z.boolean(),
    })
    .optional(),
  compression: z.enum(['none', 'gzip', 'snappy', 'zstd']),
  /** In the order of the fields; types as the server spells them. */
  columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  rows: count,
  bytes: count,
  files: z.array(extractedFileSchema).min(1),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** The outcome of an extract. */
export const extractReportSchema = z.strictObject({
  extractId: z.string().nullable(),
  /** `failed` and `interrupted`: nothing is published. */
  status: z.enum(['extracted', 'failed', 'interrupted']),
  source: z.strictObject({
    /** Where the database is; never a password. */
    database: z.string().nullable(),
    /** `null` for a query. */
    table: z.string().nullable(),
  }),
  /** The path as it was asked for; `stdout`. */
  to: z.string().nullable(),
  /** Path of the manifest; null on the standard output, and when nothing is published. */
  manifest: z.string().nullable(),
  files: z.array(extractedFileSchema),
  /** Rows and bytes that are published. */
  rowsExtracted: count,
  bytesWritten: count,
  /** How far it got: what the server had sent, published or not. */
  rowsRead: count,
  bytesRead: count,
  durationMs: z.number().nonnegative(),
  /** Milliseconds of each phase. */
  phases: z.record(z.string(), z.number().nonnegative()),
  warnings: z.array(warningSchema),
  error: reportErrorSchema.nullable(),
});
export type ExtractReport = z.infer<typeof extractReportSchema>;

/** The report of an extract that was refused before anything was read. */
export function refusedExtractReport(error: CopylineError): ExtractReport {
  return {
    extractId: null,
    status: 'failed',
    source: { database: null, table: null },
    to: null,
    manifest: null,
    files: [],
    rowsExtracted: 0,
    bytesWritten: 0,
    rowsRead: 0,
    bytesRead: 0,
    durationMs: 0,
    phases: {},
    warnings: [],
    error: reportError(error),
  };
}

/** What `verify` found out about an extract. */
export const verifyReportSchema = z.strictObject({
  status: z.enum(['verified', 'failed']),
  manifest: z.string(),
  files: count,
  rows: count,
  bytes: count,
  /** Files that are missing or are not what the manifest says. */
  faults: z.array(z.strictObject({ file: z.string(), message: z.string() })),
  error: reportErrorSchema.nullable(),
});
export type VerifyReport = z.infer<typeof verifyReportSchema>;
