import type { ExtractJob } from '@copyline/contracts';

import { plural } from './numbers.ts';

/** What is true of an extract right now, in one sentence: above all, what is in the sink. */
export function extractOutcomeText(job: ExtractJob): string {
  switch (job.state) {
    case 'running':
      return 'A worker is at it. No file gets its name before all of them are on the disk.';
    case 'queued':
      return job.runs > 0
        ? 'A worker that was stopped has put it back; the next free worker begins anew.'
        : 'The next free worker begins it.';
    case 'waiting':
      return 'The last attempt has published nothing; it is tried again by itself.';
    case 'in-doubt':
      return 'Whether an earlier attempt was published is not known yet. The next one looks at the sink.';
    case 'failed':
      return 'It failed. Nothing is published.';
    case 'cancelled':
      return 'It was cancelled. Nothing is published.';
    case 'done':
      return doneText(job);
  }
}

function doneText({ report, extract, cancelRequested }: ExtractJob): string {
  if (report === null) return 'It is published.';
  const { rowsExtracted, files } = report;
  const verb = rowsExtracted === 1 ? 'is' : 'are';
  const where =
    files.length === 1 ? extract.to : `${plural(files.length, 'file')} of ${extract.to}`;
  const late = cancelRequested ? ' They were being published when the cancel arrived.' : '';
  return `${plural(rowsExtracted, 'row')} ${verb} in ${where}.${late}`;
}
