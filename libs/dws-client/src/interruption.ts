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
