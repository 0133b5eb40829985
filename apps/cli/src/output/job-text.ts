import { isFinal, type Job } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { errorText } from './error-text.ts';
import { extractText } from './extract-text.ts';
import { countText } from './numbers.ts';
import { extractProgressText, progressText } from './progress-line.ts';
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
    ['job', 'type', 'state', 'source', 'target', 'rows', 'age'],
    jobs.map((job) => [
      shortId(job),
      job.type,
      stateText(job),
      ...endsOf(job),
      rowsOf(job) ?? '',
      ageText(job.createdAt, now),
    ]),
  );
}

/** One job in full. */
export function jobText(job: Job, verbose: boolean): string {
  const lines: string[] = [];
  const add = (label: string, text: string | null): void => {
    if (text !== null && text !== '') lines.push(`${label.padEnd(12)} ${escapeControls(text)}`);
  };
  add('job', job.id);
  add('state', job.state + (job.cancelRequested && !isFinal(job.state) ? ', to be cancelled' : ''));
  addWork(job, add);
  add('schedule', job.schedule && `${job.schedule.name}, due ${job.schedule.nominalAt}`);
  add('runs', countText(job.runs));
  add('worker', job.worker);
  add('submitted', job.createdAt);
  add('started', job.startedAt);
  add('finished', job.finishedAt);
  add('next run', job.nextRunAt);
  if (job.state === 'running') add('progress', progressOf(job));
  const done = job.state === 'done' ? outcomeText(job, verbose) : null;
  if (done !== null) lines.push(done);
  else if (job.error !== null) lines.push(errorText(job.error));
  return lines.join('\n');
}

function addWork(job: Job, add: (label: string, text: string | null) => void): void {
  add('type', job.type);
  if (job.type === 'load') {
    const { source, connection, into, slot } = job.load;
    add('source', source);
    add('connection', connection);
    add('table', into);
    add('slot', slot);
  } else {
    const { from, connection, to } = job.extract;
    add('connection', connection);
    if ('table' in from) {
      add('table', from.table);
      add('where', from.where ?? null);
    } else {
      add('query', from.query);
    }
    add('to', to);
  }
}

function progressOf(job: Job): string | null {
  if (job.progress === null) return null;
  return job.type === 'load' ? progressText(job.progress, 0) : extractProgressText(job.progress, 0);
}

function outcomeText(job: Job, verbose: boolean): string | null {
  if (job.report === null) return null;
  return job.type === 'load' ? reportText(job.report, verbose) : extractText(job.report, verbose);
}

/** Where the rows come from, and where they go. */
function endsOf(job: Job): [source: string, target: string] {
  if (job.type === 'load') {
    return [job.load.source, `${job.load.connection} · ${job.load.into}`];
  }
  const { from, connection, to } = job.extract;
  return [`${connection} · ${'table' in from ? from.table : 'a query'}`, to];
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
  if (job.type === 'load' && job.state === 'running' && job.progress !== null) {
    const { bytesRead, bytesTotal } = job.progress;
    return bytesTotal === 0 ? job.state : `running ${percentText(bytesRead / bytesTotal)}`;
  }
  return job.error === null || job.state === 'done' ? job.state : `${job.state} ${job.error.code}`;
}

/** Only of rows that are in the target, or in files that are published. */
function rowsOf({ state, report }: Job): number | null {
  if (state !== 'done' || report === null) return null;
  return 'rowsLoaded' in report ? report.rowsLoaded : report.rowsExtracted;
}

function percentText(part: number): string {
  return `${String(Math.floor(Math.min(part, 1) * 100))} %`;
}
