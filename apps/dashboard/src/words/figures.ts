import type {
  ExtractJobProgress,
  ExtractReport,
  Job,
  JobProgress,
  LoadReport,
} from '@copyline/contracts';

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
    const { bytesPerSecond, rowsPerSecond } = progress;
    return { rows: rowsOf(progress), bytesPerSecond, rowsPerSecond };
  }
  if (!hasEnded(job) || report === null) {
    return { rows: null, bytesPerSecond: null, rowsPerSecond: null };
  }
  const copyMs = report.phases['copy'] ?? 0;
  const rows = rowsOf(report);
  // The rows of a deduplicated load were copied by another one, at a speed of its own.
  const isOwn = !('deduplicated' in report && report.deduplicated);
  const hasRate = state === 'done' && isOwn && copyMs > 0;
  const perSecond = (amount: number): number | null => (hasRate ? (amount / copyMs) * 1000 : null);
  return {
    rows,
    bytesPerSecond: perSecond(report.bytesRead),
    rowsPerSecond: perSecond(rows),
  };
}

/** Read so far by a run; of one that has ended in the target, or in its files. */
export function rowsOf(
  amount: JobProgress | ExtractJobProgress | LoadReport | ExtractReport,
): number {
  if ('rowsLoaded' in amount) return amount.rowsLoaded;
  if ('rowsExtracted' in amount) return amount.rowsExtracted;
  return 'rowsParsed' in amount ? amount.rowsParsed : amount.rowsRead;
}

/** How long the last run took, or takes so far; null when none has begun. */
export function durationOf(job: Job, now: number): number | null {
  if (job.startedAt === null) return null;
  const end = job.finishedAt === null ? now : Date.parse(job.finishedAt);
  if (job.finishedAt === null && job.state !== 'running') return null;
  return Math.max(0, end - Date.parse(job.startedAt));
}
