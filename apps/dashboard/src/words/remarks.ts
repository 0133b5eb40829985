import type { ExtractJob, Job, LoadJob, ReportError } from '@copyline/contracts';

import { nothingText } from './ends.ts';
import { countText, plural } from './numbers.ts';
import { isCancelling, type Tone } from './states.ts';
import { tickingText, untilText } from './times.ts';

/** A shorter wait is none. */
const LONG_WAIT_MS = 5000;

/** What a row of the list says about a run in one line, where no progress bar stands. */
export interface Remark {
  /** The code of an error. */
  readonly code?: string;
  readonly text: string;
  readonly tone: Tone;
}

export function remarkOn(job: Job, now: number): Remark {
  if (isCancelling(job)) return { text: 'cancel requested', tone: 'caution' };
  switch (job.state) {
    case 'running':
      return { text: 'at work', tone: 'active' };
    case 'queued':
      return {
        text:
          job.runs > 0 ? 'put back, waits for a worker' : `waits for a worker${since(job, now)}`,
        tone: 'neutral',
      };
    case 'waiting':
      return withCode(job.error, `tries again${when(job, now)}`, 'caution');
    case 'in-doubt':
      return withCode(
        job.error,
        `asks the ${job.type === 'load' ? 'ledger' : 'sink'}${when(job, now)}`,
        'doubt',
      );
    case 'failed':
      return withCode(job.error, job.error === null ? nothingText(job) : placeOf(job.error), 'bad');
    case 'cancelled':
      return { text: nothingText(job), tone: 'neutral' };
    case 'done':
      return { text: outcomeOf(job), tone: hasWarnings(job) ? 'caution' : 'neutral' };
  }
}

/** What is worth a remark when all went well; mostly nothing. */
function outcomeOf(job: Job): string {
  const { report } = job;
  const remarks = job.type === 'load' ? loadRemarks(job) : extractRemarks(job);
  if (report !== null && report.warnings.length > 0) {
    remarks.push(plural(report.warnings.length, 'warning'));
  }
  return remarks.join(' · ');
}

function loadRemarks({ report, cancelRequested }: LoadJob): string[] {
  const remarks: string[] = [];
  if (cancelRequested) remarks.push('committed before the cancel');
  if (report?.deduplicated === true) remarks.push('already loaded, nothing stored again');
  else if (report?.target.created === true) remarks.push('table created');
  if (report?.guarantee === 'at-least-once') remarks.push('at least once');
  return remarks;
}

function extractRemarks({ report, cancelRequested }: ExtractJob): string[] {
  const remarks: string[] = [];
  if (cancelRequested) remarks.push('published before the cancel');
  if (report !== null && report.files.length > 1) remarks.push(plural(report.files.length, 'file'));
  return remarks;
}

function hasWarnings(job: Job): boolean {
  return job.report !== null && job.report.warnings.length > 0;
}

function since(job: Job, now: number): string {
  const ms = now - Date.parse(job.createdAt);
  return ms < LONG_WAIT_MS ? '' : `, ${tickingText(ms)} so far`;
}

function when(job: Job, now: number): string {
  return job.nextRunAt === null ? '' : ` ${untilText(job.nextRunAt, now)}`;
}

function withCode(error: ReportError | null, text: string, tone: Tone): Remark {
  return error === null ? { text, tone } : { code: error.code, text, tone };
}

/** `line 4,812, column price`, else the message. */
function placeOf(error: ReportError): string {
  const parts: string[] = [];
  if (error.line !== null) parts.push(`line ${countText(error.line)}`);
  if (error.column !== null) parts.push(`column ${error.column}`);
  return parts.length > 0 ? parts.join(', ') : error.message;
}
