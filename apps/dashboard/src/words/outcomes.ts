import type { Job, LoadJob } from '@copyline/contracts';

import { extractOutcomeText } from './extract-outcomes.ts';
import { countText } from './numbers.ts';
import { isCancelling } from './states.ts';

/** What is true of a run right now, in one sentence: above all, what is in the target. */
export function outcomeText(job: Job): string {
  if (job.type === 'load') return loadOutcomeText(job);
  if (!isCancelling(job)) return extractOutcomeText(job);
  return job.state === 'running'
    ? 'Cancelling. What was written is removed, unless it is being published already.'
    : 'Cancelling. A worker makes sure first that no earlier attempt was published.';
}

function loadOutcomeText(job: LoadJob): string {
  if (isCancelling(job)) {
    return job.state === 'running'
      ? 'Cancelling. What was copied is rolled back, unless COMMIT has been sent already.'
      : 'Cancelling. A worker makes sure first that no earlier attempt was committed.';
  }
  switch (job.state) {
    case 'running':
      return 'A worker is at it. Nothing is visible in the target before COMMIT.';
    case 'queued':
      return job.runs > 0
        ? 'A worker that was stopped has put it back; the next free worker begins anew.'
        : 'The next free worker begins it.';
    case 'waiting':
      return waitingText(job);
    case 'in-doubt':
      return 'Whether an earlier attempt was committed is not known yet. The next one asks the ledger before anything else.';
    case 'failed':
      return failedText(job);
    case 'cancelled':
      return 'It was cancelled. Nothing is loaded.';
    case 'done':
      return doneText(job);
  }
}

function waitingText({ error }: LoadJob): string {
  const text = 'The last attempt has loaded nothing; it is tried again by itself.';
  if (error?.retry !== 'busy') return text;
  return `${text} An earlier attempt, or another run of the same source, may be loading right now.`;
}

function failedText({ error }: LoadJob): string {
  switch (error?.commitState) {
    case 'committed':
      return 'It failed after COMMIT: the rows are in the target.';
    case 'unknown':
      return 'It failed, and what became of COMMIT is not known.';
    default:
      return 'It failed. Nothing is loaded.';
  }
}

function doneText(job: LoadJob): string {
  const { report } = job;
  const into = report?.target.table ?? job.load.into;
  if (report === null) return 'It is loaded.';
  const rows = `${countText(report.rowsLoaded)} ${report.rowsLoaded === 1 ? 'row' : 'rows'}`;
  const sentences = report.deduplicated
    ? [`An earlier load had stored the same content: ${rows} in ${into}, nothing was stored again.`]
    : [`${rows} ${report.rowsLoaded === 1 ? 'is' : 'are'} in ${into}.`];
  if (job.cancelRequested) sentences.push('COMMIT had been sent before the cancel arrived.');
  return sentences.join(' ');
}

/** What a cancel does to a run as it is now. */
export function cancelText(job: Job): string {
  const isLoad = job.type === 'load';
  if (job.state === 'running') {
    return isLoad
      ? 'What it has copied so far is rolled back. If COMMIT has been sent already, the load ends as done all the same.'
      : 'What it has written so far is removed. If its files are being published already, it ends as done all the same.';
  }
  if (job.runs === 0) {
    return `It will not be started. Nothing of it is ${isLoad ? 'in the target' : 'published'}.`;
  }
  return `It will not be started again. If an earlier attempt was ${isLoad ? 'committed' : 'published'}, it ends as done all the same.`;
}
