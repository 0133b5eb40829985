import type { CopylineError } from '@copyline/contracts';

import type { StartedRun } from '../control/submissions.ts';

export interface RetryPolicy {
  /** Runs that may end in a passing failure before the job fails for good. */
  readonly attempts: number;
}

/** What becomes of a submission whose run has failed. */
export type AfterFailure =
  | { readonly action: 'fail' }
  | {
      readonly action: 'again';
      readonly state: 'waiting' | 'in-doubt';
      readonly delayMs: number;
      readonly counts: 'failure' | 'busy' | 'nothing';
    };

/** The first pause; each further failure doubles the longest one. */
const BASE_MS = 1_000;
/** A server that was restarted is back by then, and a night has many minutes. */
const LONGEST_MS = 60_000;
/** Somebody has to make room on a disk, and each run until then takes more of it. */
const DISK_FULL_LONGEST_MS = 15 * 60_000;
/** Another run of the same source takes seconds to hours: ask often at first, then seldom. */
const BUSY_STEP_MS = 1_000;
const BUSY_LONGEST_MS = 15_000;

/**
 * Runs in a row that find the source held, before a run that was made for the same submission is taken
 * for dead and its session ended: its worker has lost the job, and was given time to notice.
 */
export const PATIENCE = 3;

/**
 * Workers that may die of one submission: the first death may be an accident, and the second.
 */
export const MOST_LOSSES = 3;

/** The retry class decides; the pauses have full jitter, so that many jobs do not come back at once. */
export function afterFailure(
  error: CopylineError,
  run: Pick<StartedRun, 'failures' | 'busy'>,
  policy: RetryPolicy,
): AfterFailure {
  switch (error.retry) {
    case 'never':
      return { action: 'fail' };
    case 'busy':
      return { action: 'again', state: 'waiting', delayMs: busyPause(run.busy), counts: 'busy' };
    case 'resolve':
      // Until somebody knows. The next run asks the ledger before it copies anything.
      return {
        action: 'again',
        state: 'in-doubt',
        delayMs: pause(run.failures),
        counts: 'failure',
      };
    case 'retry':
      return run.failures + 1 >= policy.attempts
        ? { action: 'fail' }
        : {
            action: 'again',
            state: 'waiting',
            delayMs: pauseAfter(error, run.failures),
            counts: 'failure',
          };
  }
}

function pauseAfter(error: CopylineError, failures: number): number {
  if (error.code !== 'DISK_FULL') return pause(failures);
  const longest = Math.min(DISK_FULL_LONGEST_MS, LONGEST_MS * 2 ** failures);
  return longest * (0.5 + Math.random() / 2);
}

function pause(failures: number): number {
  return Math.random() * Math.min(LONGEST_MS, BASE_MS * 2 ** failures);
}

function busyPause(busy: number): number {
  return Math.min(BUSY_LONGEST_MS, BUSY_STEP_MS * (busy + 1)) * (0.5 + Math.random() / 2);
}
