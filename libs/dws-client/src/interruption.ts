import { CopylineError } from '@copyline/contracts';

/** The reason of an aborted signal as an error: `INTERRUPTED`, unless the reason has a code. */
export function abortReason(signal: AbortSignal): CopylineError {
  const reason: unknown = signal.reason;
  return reason instanceof CopylineError
    ? reason
    : new CopylineError('INTERRUPTED', 'Interrupted', { cause: reason });
}

/** @throws CopylineError the reason of the signal, when it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

/** Waits for a promise or for the signal, whichever comes first. @throws the reason of the signal */
export async function untilAborted(
  promise: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) {
    await promise;
    return;
  }
  // Left behind, it may still fail; that is nobody's error any more.
  promise.catch(() => undefined);
  throwIfAborted(signal);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
