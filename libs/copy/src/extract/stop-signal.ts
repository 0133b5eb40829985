import { asCopylineError, CopylineError } from '@copyline/contracts';
import { abortReason, throwIfAborted, type Connection } from '@copyline/dws-client';

/** How long a cancelled statement may take to end before its connection is given up. */
const CANCELLED_MS = 5_000;
/** A cancel may come when one statement has just ended and the next one has not begun: then again. */
const CANCEL_AGAIN_MS = 200;

/** Everything that may end an extract before its end: its caller, its time limit, its sink. */
export class StopSignal implements Disposable {
  readonly signal: AbortSignal;
  readonly #own = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(caller: AbortSignal | undefined) {
    this.signal =
      caller === undefined ? this.#own.signal : AbortSignal.any([caller, this.#own.signal]);
  }

  /** From now on, until `endLimit`. */
  limit(durationMs: number | undefined): void {
    if (durationMs === undefined) return;
    this.#timer = setTimeout(() => {
      const seconds = String(durationMs / 1000);
      this.stop(new CopylineError('TIME_LIMIT', `Not done within ${seconds} s`));
    }, durationMs);
  }

  endLimit(): void {
    clearTimeout(this.#timer);
  }

  readonly stop = (reason: unknown): void => {
    this.#own.abort(reason);
  };

  throwIfStopped(): void {
    throwIfAborted(this.signal);
  }

  /** What a failure is about: what broke because of a stop is the stop. */
  reasonBehind(error: unknown): CopylineError {
    const known = asCopylineError(error);
    if (!this.signal.aborted) return known;
    const reason = abortReason(this.signal);
    return reason === known ? known : reason.with({ commitState: known.commitState });
  }

  [Symbol.dispose](): void {
    this.endLimit();
  }
}

/**
 * Lets a signal end also the statements around a COPY, which may wait for a lock for ever: they are
 * cancelled, and where that does not help the connection is destroyed.
 *
 * @param work gets a function to call when its statements are done; a ROLLBACK is not to be hit
 */
export async function cancelOnAbort<T>(
  connection: Connection,
  signal: AbortSignal,
  work: (disarm: () => void) => Promise<T>,
): Promise<T> {
  let again: NodeJS.Timeout | undefined;
  let givingUp: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    if (connection.status !== 'querying') return; // a COPY has its own way out
    void connection.cancel();
    givingUp ??= setTimeout(() => {
      connection.destroy(new CopylineError('CONNECTION_UNUSABLE', 'The server did not cancel'));
    }, CANCELLED_MS);
  };
  const onAbort = (): void => {
    cancel();
    again = setInterval(cancel, CANCEL_AGAIN_MS);
  };
  const disarm = (): void => {
    signal.removeEventListener('abort', onAbort);
    clearInterval(again);
    clearTimeout(givingUp);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    return await work(disarm);
  } finally {
    disarm();
  }
}
