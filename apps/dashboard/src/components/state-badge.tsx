import type { Job } from '@copyline/contracts';

import { isCancelling, stateLabel, STATES } from '../words/states.ts';
import { SignIcon } from './sign-icon.tsx';

/** The state of a run: shape, word and colour. */
export function StateBadge({ job }: { readonly job: Job }) {
  const tone = isCancelling(job) ? 'caution' : STATES[job.state].tone;
  return (
    <span class="badge" data-tone={tone} data-state={job.state}>
      <SignIcon name={job.state} />
      {stateLabel(job)}
    </span>
  );
}
