import type { Job } from '@copyline/contracts';

import { absoluteText } from '../words/times.ts';

/** The schedule that submitted a run, if one did. */
export function ScheduleTag({ job }: { readonly job: Job }) {
  const { schedule } = job;
  if (schedule === null) return null;
  return (
    <span
      class="tag"
      data-testid="schedule"
      title={`Submitted by the schedule ${schedule.name}, due ${absoluteText(schedule.nominalAt)}`}
    >
      <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
        <path d="M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 4.8V8l2.3 1.6" />
      </svg>
      <span class="unseen">schedule </span>
      <span class="tag-name">{schedule.name}</span>
    </span>
  );
}
