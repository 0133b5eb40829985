import { z } from 'zod';

import type { CopylineError } from './copyline-error.ts';
import { loadReportSchema, reportError } from './load-report.ts';

/** The outcome of a validation: what a load would store and refuse. Nothing was stored. */
export const validateReportSchema = loadReportSchema
  .pick({
    target: true,
    source: true,
    rowsParsed: true,
    rowsRejected: true,
    rowsSuppressed: true,
    bytesRead: true,
    durationMs: true,
    phases: true,
    lane: true,
    rejects: true,
    warnings: true,
    error: true,
  })
  .extend({
    /** `failed` and `interrupted`: nothing is known of the file as a whole. */
    status: z.enum(['valid', 'invalid', 'failed', 'interrupted']),
    /** Rows that a load would store. */
    rowsValid: z.int().nonnegative(),
    /** False when it ended early, because there were so many errors as were asked for. */
    isComplete: z.boolean(),
  });
export type ValidateReport = z.infer<typeof validateReportSchema>;

/** The report of a validation that was refused before anything was read. */
export function refusedValidateReport(error: CopylineError): ValidateReport {
  return {
    status: 'failed',
    target: { database: null, table: null, created: false },
    source: error.place.source ?? null,
    rowsParsed: 0,
    rowsValid: 0,
    rowsRejected: 0,
    rowsSuppressed: 0,
    isComplete: false,
    bytesRead: 0,
    durationMs: 0,
    phases: {},
    lane: null,
    rejects: [],
    warnings: [],
    error: reportError(error),
  };
}
