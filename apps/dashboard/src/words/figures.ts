import type { Job } from '@copyline/contracts';

import { hasEnded } from './states.ts';

/** The numbers of a run, whatever its state; null where there is none yet. */
export interface Figures {
  /** In the target when the run has ended; read so far while it runs. */
  readonly rows: number | null;
  /** Over the last seconds while it runs; over the whole copy when it has ended. */
  readonly bytesPerSecond: number | null;
  readonly rowsPerSecond: number | null;
}

export function figuresOf(job: Job): Figures {
  const { progress, report, state } = job;
  if (state === 'running' && progress !== null) {
    const { rowsParsed, bytesPerSecond, rowsPerSecond } = progress;
    return { rows: rowsParsed, bytesPerSecond, rowsPerSecond };
  }
  if (!hasEnded(job) || report === null) {
    return { rows: null, bytesPerSecond: null, rowsPerSecond: null };
  }
  const copyMs = report.phases['copy'] ?? 0;
  // The rows of a deduplicated load were copied by another one, at a speed of its own.
  const hasRate = state === 'done' && !report.deduplicated && copyMs > 0;
  const perSecond = (amount: number): number | null => (hasRate ? (amount / copyMs) * 1000 : null);
  return {
    rows: report.rowsLoaded,
    bytesPerSecond: perSecond(report.bytesRead),
    rowsPerSecond: perSecond(report.rowsLoaded),
  };
}

/** How long the last run took, or takes so far; null when none has begun. */
export function durationOf(job: Job, now: number): number | null {
  if (job.startedAt === null) return null;
  const end = job.finishedAt === null ? now : Date.parse(job.finishedAt);
  if (job.finishedAt === null && job.state !== 'running') return null;
  return Math.max(0, end - Date.parse(job.startedAt));
}
