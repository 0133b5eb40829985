// Errors
export { ERROR_GROUPS, ERRORS } from './errors.ts';
export type { ErrorCode, RetryClass } from './errors.ts';
export { asCopylineError, CopylineError, dataError } from './copyline-error.ts';
export type {
  CommitState,
  CopylineErrorOptions,
  ErrorPhase,
  ErrorPlace,
} from './copyline-error.ts';

// What a load is
export {
  csvDialectSchema,
  loadSpecSchema,
  parquetOptionsSchema,
  rejectLimitSchema,
} from './load-spec.ts';
export type {
  CsvDialect,
  LoadSpec,
  LoadSpecInput,
  ParquetOptions,
  RejectLimit,
} from './load-spec.ts';
export { columnMappingSchema } from './column-mapping.ts';
export type { ColumnMappingSpec, SetValue } from './column-mapping.ts';

// What became of it
export { loadReportSchema, refusedReport, reportError, reportErrorSchema } from './load-report.ts';
export type { ColumnsReport, LoadReport, ReportError, Warning } from './load-report.ts';
export { refusedValidateReport, validateReportSchema } from './validate-report.ts';
export type { ValidateReport } from './validate-report.ts';
export { rejectSchema } from './reject.ts';
export type { RejectReport } from './reject.ts';

// An extract, what became of it, and the manifest that it leaves
export { csvOutputSchema, extractSpecSchema } from './extract-spec.ts';
export type { CsvOutput, ExtractSpec, ExtractSpecInput } from './extract-spec.ts';
export {
  extractReportSchema,
  manifestSchema,
  refusedExtractReport,
  verifyReportSchema,
} from './extract-report.ts';
export type { ExtractedFile, ExtractReport, Manifest, VerifyReport } from './extract-report.ts';

// A load or an extract that is submitted, and the job it becomes
export {
  EMBEDDED_CONNECTION,
  loadRequestSchema,
  nameSchema,
  parseRootedName,
  sourceNameSchema,
} from './load-request.ts';
export type { LoadRequest, LoadRequestInput } from './load-request.ts';
export { extractRequestSchema, scheduledExtractSchema, sinkNameSchema } from './extract-request.ts';
export type { ExtractRequest, ExtractRequestInput, ScheduledExtract } from './extract-request.ts';
export {
  extractJobSchema,
  fileOf,
  FINAL_STATES,
  isFinal,
  JOB_STATES,
  JOB_TYPE_NAMES,
  jobListSchema,
  jobProgressSchema,
  jobSchema,
  jobStateSchema,
  loadJobSchema,
} from './job.ts';
export type {
  ExtractJob,
  ExtractJobProgress,
  Job,
  JobList,
  JobProgress,
  JobState,
  JobTypeName,
  LoadJob,
  Work,
} from './job.ts';
export { occurrenceSchema, scheduleSchema, scheduleSpecSchema } from './schedule.ts';
export type { Occurrence, Schedule, ScheduleSpec, ScheduleSpecInput } from './schedule.ts';

// The service around it
export { problemSchema, serviceStatusSchema } from './service.ts';
export type { Problem, ServiceStatus } from './service.ts';
