import type { Job } from '@copyline/contracts';

/** Where the rows of a run come from, and where they go. */
export interface Ends {
  readonly from: string;
  readonly to: string;
  /** What stands between them in a sentence. */
  readonly link: 'into' | 'to';
}

export function endsOf(job: Job): Ends {
  if (job.type === 'load') {
    const { source, connection, into } = job.load;
    return { from: source, to: `${connection} · ${into}`, link: 'into' };
  }
  const { from, connection, to } = job.extract;
  // Of a query only the facts tell the text.
  return { from: `${connection} · ${'table' in from ? from.table : 'query'}`, to, link: 'to' };
}

/** What is true of a run that has come to nothing. */
export function nothingText(job: Job): string {
  return job.type === 'load' ? 'nothing is loaded' : 'nothing is published';
}
