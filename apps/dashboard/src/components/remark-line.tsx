import type { Job } from '@copyline/contracts';

import { now } from '../state/clock.ts';
import { remarkOn } from '../words/remarks.ts';
import { hasEnded } from '../words/states.ts';

/** What is to be said about a run that shows no progress bar. */
export function RemarkLine({ job }: { readonly job: Job }) {
  // Only a run that waits for something counts.
  const { code, text, tone } = remarkOn(job, hasEnded(job) ? 0 : now());
  return (
    <span class="remark" data-tone={tone} title={job.error?.message}>
      {code !== undefined && <code class="code">{code}</code>} {text}
    </span>
  );
}
