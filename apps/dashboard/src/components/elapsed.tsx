import type { Job } from '@copyline/contracts';

import { now } from '../state/clock.ts';
import { durationOf } from '../words/figures.ts';
import { NOTHING } from '../words/numbers.ts';
import { durationText, tickingText } from '../words/times.ts';

/** How long a run took, or takes so far. */
export function Elapsed({ job }: { readonly job: Job }) {
  // Only a run that goes on is drawn again every second.
  const ms = durationOf(job, job.finishedAt === null ? now() : 0);
  if (ms === null) return <>{NOTHING}</>;
  return <>{job.finishedAt === null ? tickingText(ms) : durationText(ms)}</>;
}
