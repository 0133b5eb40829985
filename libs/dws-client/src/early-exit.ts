import { Savepoint } from './savepoint.ts';
import type { Occupation, Session } from './session.ts';

/** How something that is read piece by piece may end before its last piece. */
export interface EarlyExitOptions {
  /** Ends it at once, also while the consumer is busy. Default: none. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds for the server to end what was left early, after it has been told to. Default:
   * 5,000. A server that does not manage gives no proof, and the connection is destroyed.
   */
  readonly drainTimeoutMs?: number;
  /**
   * Whether, inside a transaction, a savepoint keeps it alive when this fails or is left early.
   * Costs two statements. Default: true. Without one the transaction can only be rolled back.
   */
  readonly savepoint?: boolean;
}

/**
 * Iterates over something that holds the session for itself, and that may be left at any time. The
 * inner iteration ends its statement; a savepoint around it keeps the transaction alive.
 */
export async function* iterateExclusively<T>(
  session: Session,
  occupation: Occupation,
  { signal, savepoint: isWanted = true }: EarlyExitOptions,
  inner: () => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const leave = await session.occupy(occupation, signal);
  try {
    const isInside = isWanted && session.lastWord === 'in-transaction';
    const savepoint = isInside ? await Savepoint.set(session, 'read') : undefined;
    let isComplete = false;
    try {
      yield* inner();
      isComplete = true;
    } finally {
      // The reason to leave is the one to report: what fails here destroys the connection.
      if (isComplete) await savepoint?.release();
      else await savepoint?.rollBack();
    }
  } finally {
    leave();
  }
}
