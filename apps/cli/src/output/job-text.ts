import { isFinal, type Job } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { errorText } from './error-text.ts';
import { countText } from './numbers.ts';
import { progressText } from './progress-line.ts';
import { reportText } from './report-text.ts';
import { tableText } from './table.ts';

/** First characters of an id, enough to tell the jobs of a year apart. */
const SHORT_ID = 8;

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** Jobs as a table, in the order given. */
export function jobsText(jobs: readonly Job[], now: Date): string {
  return tableText(
    ['job', 'state', 'source', 'target', 'rows', 'age'],
    jobs.map((job) => [
      shortId(job),
      stateText(job),
      job.load.source,
      `${job.load.connection} · ${job.load.into}`,
      rowsOf(job) ?? '',
      ageText(job.createdAt, now),
    ]),
  );
}

/** One job in full. */
export function jobText(job: Job, verbose: boolean): string {
  const { load, report, progress } = job;
  const lines: string[] = [];
  const add = (label: string, text: string | null): void => {
    if (text !== null && text !== '') lines.push(`${label.padEnd(12)} ${escapeControls(text)}`);
  };
  add('job', job.id);
  add('state', job.state + (job.cancelRequested && !isFinal(job.state) ? ', to be cancelled' : ''));
  add('source', load.source);
  add('connection', load.connection);
  add('table', load.into);
  add('slot', load.slot);
  add('schedule', job.schedule && `${job.schedule.name}, due ${job.schedule.nominalAt}`);
  add('runs', countText(job.runs));
  add('worker', job.worker);
  add('submitted', job.createdAt);
  add('started', job.startedAt);
  add('finished', job.finishedAt);
  add('next run', job.nextRunAt);
  if (progress !== null && job.state === 'running') add('progress', progressText(progress, 0));
  if (job.state === 'done' && report !== null) lines.push(reportText(report, verbose));
  else if (job.error !== null) lines.push(errorText(job.error));
  return lines.join('\n');
}

/** What a job waits for, while nothing moves. */
export function waitingText(job: Job): string {
  switch (job.state) {
    case 'queued':
      return job.runs === 0 ? 'waiting for a worker …' : 'waiting for another worker …';
    case 'waiting':
      return `waiting after ${job.error?.code ?? 'a failure'}; next run ${job.nextRunAt ?? 'soon'} …`;
    case 'in-doubt':
      return 'asking the ledger for the outcome …';
    default:
      return 'starting …';
  }
}

export function shortId({ id }: Pick<Job, 'id'>): string {
  return id.slice(0, SHORT_ID);
}

/** `5 min`, `3 h`: one unit is enough to find a job. */
export function ageText(since: string, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000));
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? (['s', 1] as const);
  return `${String(Math.floor(seconds / size))} ${unit}`;
}

function stateText(job: Job): string {
  if (job.state === 'running' && job.progress !== null) {
    const { bytesRead, bytesTotal } = job.progress;
    return bytesTotal === 0 ? job.state : `running ${percentText(bytesRead / bytesTotal)}`;
  }
  return job.error === null || job.state === 'done' ? job.state : `${job.state} ${job.error.code}`;
}

/** Only of rows that are in the target. */
function rowsOf({ state, report }: Job): number | null {
  return state === 'done' && report !== null ? report.rowsLoaded : null;
}

function percentText(part: number): string {
  return `${String(Math.floor(Math.min(part, 1) * 100))} %`;
}
