import { CopylineError, isFinal, type Job } from '@copyline/contracts';
import { setTimeout as delay } from 'node:timers/promises';

import type { ServiceClient } from './service-client.ts';

/** As long as the API likes to hold a request. */
const WAIT_SECONDS = 20;
/** Fast enough for a bar that moves. */
const WATCH_MS = 300;
/** A scheduler that is restarted is back by then; the job goes on meanwhile. */
const PATIENCE_MS = 60_000;

export interface AwaitJobOptions {
  readonly signal?: AbortSignal;
  /** Told of every view of the job; with it the job is asked for often, else only for its end. */
  readonly onView?: ((job: Job) => void) | undefined;
  /** Told once when the scheduler stops answering. */
  readonly onSilence?: (error: CopylineError) => void;
  /** Gives up and returns the job as it is. Default: never. */
  readonly timeoutMs?: number;
}

/**
 * Waits until a job has ended. A scheduler that does not answer for a while is waited for, too.
 *
 * @throws CopylineError as the client does; what passes only after a minute of it
 */
export async function awaitJob(
  service: ServiceClient,
  first: Job,
  options: AwaitJobOptions = {},
): Promise<Job> {
  const { signal, onView, onSilence, timeoutMs = Infinity } = options;
  const deadline = performance.now() + timeoutMs;
  let job = first;
  let silentSince: number | undefined;
  for (let round = 0; ; round += 1) {
    onView?.(job);
    const leftMs = deadline - performance.now();
    if (isFinal(job.state) || leftMs <= 0) return job;
    const waitSeconds =
      onView === undefined ? Math.max(1, Math.min(WAIT_SECONDS, Math.ceil(leftMs / 1000))) : 0;
    // A small load ends within the first rounds.
    if (onView !== undefined) await pause(Math.min(WATCH_MS, 50 * (round + 1)), signal);
    try {
      job = newer(job, await service.getJob(job.id, { waitSeconds, ...given(signal) }));
      silentSince = undefined;
    } catch (error) {
      if (signal?.aborted === true || !isPassing(error)) throw error;
      if (silentSince === undefined) onSilence?.(error);
      silentSince ??= performance.now();
      if (performance.now() - silentSince > PATIENCE_MS) throw error;
      await pause(WATCH_MS, signal);
    }
  }
}

/** A scheduler that is away, or one whose database is. */
function isPassing(error: unknown): error is CopylineError {
  return error instanceof CopylineError && error.retry === 'retry';
}

/** Answers can overtake each other. */
function newer(known: Job, seen: Job): Job {
  return seen.revision >= known.revision ? seen : known;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, given(signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
