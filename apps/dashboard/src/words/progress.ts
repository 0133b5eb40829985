import type { ExtractJobProgress, JobProgress } from '@copyline/contracts';

import { percentOf } from './numbers.ts';
import { tickingText } from './times.ts';

interface PhaseWords {
  /** What the run is doing. */
  readonly doing: string;
  /** The phase reads the source from its beginning to its end, so that a percentage means something. */
  readonly reads: boolean;
}

const PHASES: Readonly<Record<string, PhaseWords>> = {
  connect: { doing: 'connecting', reads: false },
  inspect: { doing: 'inspecting', reads: false },
  'infer types': { doing: 'choosing types', reads: true },
  hash: { doing: 'hashing', reads: true },
  wait: { doing: 'waiting for another run', reads: false },
  copy: { doing: 'copying', reads: true },
  commit: { doing: 'committing', reads: false },
  publish: { doing: 'publishing', reads: false },
  settle: { doing: 'asking the ledger', reads: false },
};

export interface ProgressWords {
  readonly doing: string;
  /** Null where no share of the work is known. */
  readonly percent: number | null;
  /** Of this phase: `42 s left`. */
  readonly left: string | null;
}

export function progressWords(progress: JobProgress | ExtractJobProgress | null): ProgressWords {
  if (progress === null) return { doing: 'starting', percent: null, left: null };
  const { phase, bytesRead } = progress;
  // Nobody knows how much an extract will be.
  const [bytesTotal, secondsLeft] =
    'bytesTotal' in progress ? [progress.bytesTotal, progress.secondsLeft] : [0, null];
  // A phase of a newer server is shown by its name, with a share if it has one.
  const { doing, reads } = PHASES[phase] ?? { doing: phase, reads: bytesRead > 0 };
  const isMeasured = reads && bytesTotal > 0;
  return {
    doing,
    percent: isMeasured ? percentOf(bytesRead, bytesTotal) : null,
    left: isMeasured && secondsLeft !== null ? `${tickingText(secondsLeft * 1000)} left` : null,
  };
}
