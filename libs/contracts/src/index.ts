// Errors
export { asCopylineError, CopylineError, ERRORS } from './errors.ts';
export type {
  CommitState,
  CopylineErrorOptions,
  ErrorCode,
  ErrorPhase,
  ErrorPlace,
  RetryClass,
} from './errors.ts';

// What a load is
export { csvDialectSchema, loadSpecSchema } from './load-spec.ts';
export type { CsvDialect, LoadSpec, LoadSpecInput } from './load-spec.ts';

// What became of it
export { loadReportSchema, refusedReport, reportError, reportErrorSchema } from './load-report.ts';
export type { LoadReport, ReportError, Warning } from './load-report.ts';
