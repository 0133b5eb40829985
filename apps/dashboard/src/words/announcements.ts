import type { Job } from '@copyline/contracts';

import type { Jobs } from '../state/jobs.ts';
import { endsOf } from './ends.ts';
import { STATES } from './states.ts';

/** More than this at once is a number, not a list: nobody listens to twenty sentences. */
const MOST_SENTENCES = 3;

/**
 * What a screen reader hears after an update: runs that came to an end or into trouble. That a run
 * was queued or began is visible, but would talk over everything else.
 */
export function announcementOf(before: Jobs, after: Jobs): string {
  const changed = [...after.values()].filter((job) => isNews(before.get(job.id), job));
  if (changed.length > MOST_SENTENCES) return `${changed.length} runs have changed state.`;
  return changed.map(sentence).join(' ');
}

function isNews(old: Job | undefined, job: Job): boolean {
  if (old === undefined || old.state === job.state) return false;
  return job.state !== 'queued' && job.state !== 'running';
}

function sentence(job: Job): string {
  const { from, to, link } = endsOf(job);
  const what = `${from} ${link} ${to}: ${STATES[job.state].label.toLowerCase()}`;
  return job.error === null ? `${what}.` : `${what}, ${job.error.code}.`;
}
