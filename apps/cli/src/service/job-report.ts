import {
  CopylineError,
  fileOf,
  refusedExtractReport,
  refusedReport,
  reportError,
  type ExtractJob,
  type ExtractReport,
  type Job,
  type LoadJob,
  type LoadReport,
  type ReportError,
} from '@copyline/contracts';

/**
 * The report of a job that has ended. One that failed or was cancelled between two runs has none of
 * its own, or that of a run before.
 */
export function loadReportOf(job: LoadJob): LoadReport {
  const { state, report, load } = job;
  const base = report ?? refusedReport(missing(job));
  if (state === 'done') return base;
  return {
    ...base,
    status: base.status === 'loaded' ? 'failed' : base.status,
    source: base.source ?? load.source,
    target: { ...base.target, table: base.target.table ?? load.into },
    error: errorOf(job) ?? base.error,
  };
}

/** The same of an extract. */
export function extractReportOf(job: ExtractJob): ExtractReport {
  const { state, report, extract } = job;
  const base = report ?? refusedExtractReport(missing(job));
  if (state === 'done') return base;
  return {
    ...base,
    status: base.status === 'extracted' ? 'failed' : base.status,
    to: base.to ?? extract.to,
    error: errorOf(job) ?? base.error,
  };
}

function missing({ state }: Job): CopylineError {
  return new CopylineError(
    'INTERNAL',
    `The job is ${state}, but the scheduler has no report of it`,
  );
}

/** What a cancelled job had met before is not why it ended. */
function errorOf(job: Job): ReportError | null {
  const { state, error } = job;
  if (state !== 'cancelled' || error?.code === 'JOB_CANCELLED') return error;
  const source = fileOf(job);
  return reportError(new CopylineError('JOB_CANCELLED', 'The job was cancelled', { source }));
}
