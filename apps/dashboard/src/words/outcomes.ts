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
    : 'Cancelling.';
}

function loadOutcomeText(job: LoadJob): string {
  if (isCancelling(job)) {
    return job.state === 'running'
      ? 'Cancelling. What was copied is rolled back, unless COMMIT has been sent already.'
      : 'Cancelling.';
  }
  switch (job.state) {
    case 'running':
      return 'A worker is at it. Nothing is visible in the target before COMMIT.';
    case 'queued':
      return job.runs > 0
        ? 'A worker that was stopped has put it back; the next free worker begins anew.'
        : 'The next free worker begins it.';
    case 'waiting':
      return 'The last attempt has loaded nothing; it is tried again by itself.';
    case 'in-doubt':
      return 'COMMIT was sent and its answer was lost. The next attempt asks the ledger before anything else.';
    case 'failed':
      return failedText(job);
    case 'cancelled':
      return 'It was cancelled. Nothing is loaded.';
    case 'done':
      return doneText(job);
  }
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
