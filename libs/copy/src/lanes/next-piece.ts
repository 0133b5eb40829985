import { untilAborted } from '@copyline/dws-client';

/**
 * How long to wait for whoever reads the source to stop, in milliseconds: a read of a disk that has gone
 * away never ends, and the transaction must.
 */
const SOON_MS = 1_000;

/**
 * The next one of a producer; `undefined` behind the last.
 *
 * @throws CopylineError the reason of the signal, at once: the producer may still be at it
 */
export async function nextOf<T>(
  items: AsyncIterator<T, void>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const next = items.next();
  await untilAborted(next, signal);
  const { value } = await next;
  return value ?? undefined;
}

/** Ends a producer. When the load is interrupted, one that hangs is left behind. */
export async function endOf(
  items: AsyncGenerator<unknown, void, undefined>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = items.return();
  if (signal?.aborted === true) await ifSoon(ended);
  else await ended;
}

/** Waits for what should take no time. Never throws. */
export async function ifSoon(promise: Promise<unknown>): Promise<void> {
  await untilAborted(promise, AbortSignal.timeout(SOON_MS)).catch(() => undefined);
}
