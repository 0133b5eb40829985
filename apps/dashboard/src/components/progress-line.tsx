import type { ExtractJobProgress, JobProgress } from '@copyline/contracts';

import { progressWords } from '../words/progress.ts';

interface ProgressLineProps {
  readonly progress: JobProgress | ExtractJobProgress | null;
}

/** How far a run has come: a bar, the phase, and where they are known the share and the time left. */
export function ProgressLine({ progress }: ProgressLineProps) {
  const { doing, percent, left } = progressWords(progress);
  return (
    <div class="progress" data-testid="progress">
      {percent === null ? (
        <progress class="bar" aria-label={doing} />
      ) : (
        <progress class="bar" max={100} value={percent} aria-label={doing} />
      )}
      <span class="progress-doing">{doing}</span>
      {percent !== null && <span class="progress-percent">{percent} %</span>}
      {left !== null && <span class="progress-left">{left}</span>}
    </div>
  );
}
