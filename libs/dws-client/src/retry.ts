import { setTimeout as pause } from 'node:timers/promises';

import { abortReason, throwIfAborted } from './interruption.ts';
import { type RetryUnit, retryVerdict, wasRetriedByServer } from './retry-rules.ts';
import { isInTransaction } from './transaction.ts';

/** How often, how fast and for how long something is repeated. */
export interface RetryPolicy {
  /** Most attempts, the first one counted. Default: 5. */
  readonly attempts?: number;
  /**
   * Milliseconds from the first attempt after which no other one is started. Default: 60,000. An
   * attempt that runs is not ended; bound it by its own signal.
   */
  readonly budgetMs?: number;
  /** Longest pause before the second attempt, in milliseconds; doubles each time. Default: 100. */
  readonly baseDelayMs?: number;
  /** Longest pause at all, in milliseconds. Default: 10,000. */
  readonly maxDelayMs?: number;
  /** Ends a pause, and keeps the next attempt from starting. Default: none. */
  readonly signal?: AbortSignal;
  /** Told of every failed attempt, for logs and metrics. What it throws is ignored. Default: none. */
  readonly observe?: (event: RetryEvent) => void;
  /** The server is a GaussDB(DWS), which repeats some statements by itself. Default: false. */
  readonly isDws?: boolean;
}

/** One failed attempt, as `RetryPolicy.observe` is told of it. */
export interface RetryEvent {
  /** What is repeated as a whole. */
  readonly unit: RetryUnit;
  /** Attempts made so far, from 1. */
  readonly attempt: number;
  /** What the attempt has thrown. */
  readonly error: unknown;
  /** Milliseconds until the next attempt; `undefined` when there is none. */
  readonly delayMs: number | undefined;
}

const ATTEMPTS = 5;
const BUDGET_MS = 60_000;
const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;

/**
 * Runs `work`, and runs it again after a failure that a repetition may cure: a connection that could
 * not be made or was lost, a deadlock, a server that is restarting. What counts is in one table, by
 * SQLSTATE and by the unit that is repeated; an outcome that is unknown is never repeated.
 *
 * `work` must do all of its unit anew: connect, or run one idempotent statement on a new connection,
 * or run a whole transaction. Inside a transaction block statements and transactions run once: an
 * error there has undone what came before.
 *
 * Pauses have full jitter: a random part of a time that doubles, so that many who failed together do
 * not come back together.
 *
 * @throws the error of the last attempt, or the reason of the signal
 */
export async function withRetry<T>(
  policy: RetryPolicy & { readonly unit: RetryUnit },
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  const { unit, signal, budgetMs = BUDGET_MS } = policy;
  let attempts = unit !== 'connect' && isInTransaction() ? 1 : (policy.attempts ?? ATTEMPTS);
  const start = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    throwIfAborted(signal);
    try {
      return await work(attempt);
    } catch (error) {
      // The server has made all attempts that are worth making, and waited in between.
      const wasRetried = wasRetriedByServer(error, unit, policy.isDws === true);
      if (wasRetried) attempts = Math.min(attempts, attempt + 1, 2);
      const verdict = retryVerdict(error, unit);
      const delayMs = pauseMs(policy, attempt, verdict === 'later');
      const isLast =
        verdict === 'never' ||
        signal?.aborted === true ||
        attempt >= attempts ||
        performance.now() - start + delayMs > budgetMs;
      tell(policy, { unit, attempt, error, delayMs: isLast ? undefined : delayMs });
      if (isLast) throw error;
      await sleep(delayMs, signal);
    }
  }
}

function pauseMs(policy: RetryPolicy, attempt: number, isLong: boolean): number {
  const { baseDelayMs = BASE_DELAY_MS, maxDelayMs = MAX_DELAY_MS } = policy;
  if (isLong) return (maxDelayMs * (1 + Math.random())) / 2;
  return Math.random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
}

function tell({ observe }: RetryPolicy, event: RetryEvent): void {
  try {
    observe?.(event);
  } catch {
    // A log that fails must not become the reason of a failure.
  }
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted === true ? abortReason(signal) : error;
  }
}
