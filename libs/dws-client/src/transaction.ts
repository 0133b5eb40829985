import { CopylineError } from '@copyline/contracts';

import { fromServerError, provesNoEffect } from './server-errors.ts';

/** What a transaction needs of its connection. */
interface Session {
  readonly isUsable: boolean;
  readonly transactionStatus: 'idle' | 'active' | 'in-transaction' | 'in-error' | 'unknown';
  query(text: string): Promise<{ readonly command: string }>;
  destroy(reason: CopylineError): void;
}

export interface TransactionOptions {
  /** Default: the session's. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** Default: the session's. */
  readonly access?: 'read write' | 'read only';
  /** Called when COMMIT is about to be sent; from then on an interruption must wait. */
  readonly onCommit?: () => void;
}

/** BEGIN, the work, COMMIT; see `Connection.transaction`. */
export async function runTransaction<T>(
  connection: Session,
  work: () => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  if (connection.isUsable && connection.transactionStatus !== 'idle') {
    // A BEGIN inside a transaction is only a warning, and its COMMIT would commit the outer one.
    throw new CopylineError('INTERNAL', 'The connection is busy with a transaction or a statement');
  }
  await connection.query(beginStatement(options));
  let result: T;
  try {
    result = await work();
    assertCanCommit(connection);
    options.onCommit?.();
  } catch (error) {
    await rollBack(connection);
    throw asRolledBack(error);
  }
  await commit(connection);
  return result;
}

function beginStatement({ isolation, access }: TransactionOptions): string {
  const modes = [
    ...(isolation === undefined ? [] : [`ISOLATION LEVEL ${isolation.toUpperCase()}`]),
    ...(access === undefined ? [] : [access.toUpperCase()]),
  ];
  return ['BEGIN', modes.join(' ')].join(' ').trim();
}

/** Says what can be known before COMMIT is sent; nothing is in doubt then. */
function assertCanCommit(connection: Session): void {
  if (!connection.isUsable) {
    throw new CopylineError('CONNECTION_LOST', 'The connection ended before COMMIT was sent');
  }
  if (connection.transactionStatus === 'idle') {
    // COMMIT would be answered with COMMIT, and a warning that nobody sees.
    throw new CopylineError('INTERNAL', 'A statement has ended the transaction before its COMMIT', {
      commitState: 'unknown',
    });
  }
}

/** What is known of another transaction, on another connection, stays. */
function asRolledBack(error: unknown): unknown {
  return error instanceof CopylineError && error.commitState === 'none'
    ? error.with({ commitState: 'rolled_back' })
    : error;
}

/** The error that caused the rollback is the one to report; a failing ROLLBACK destroys. */
async function rollBack(connection: Session): Promise<void> {
  if (!connection.isUsable) return;
  try {
    await connection.query('ROLLBACK');
  } catch (error) {
    connection.destroy(fromServerError(error));
  }
}

async function commit(connection: Session): Promise<void> {
  let command: string;
  try {
    ({ command } = await connection.query('COMMIT'));
  } catch (error) {
    if (wasNotSent(error)) {
      await rollBack(connection);
      throw asRolledBack(error);
    }
    // The server's refusal, and the session alive after it: that is proof.
    if (provesNoEffect(error) && connection.isUsable) {
      if (connection.transactionStatus !== 'idle') await rollBack(connection);
      throw fromServerError(error).with({ commitState: 'rolled_back' });
    }
    const unknown = new CopylineError(
      'COMMIT_UNKNOWN',
      'The answer to COMMIT was lost; the transaction may or may not be committed',
      { cause: error, commitState: 'unknown' },
    );
    connection.destroy(unknown);
    throw unknown;
  }
  if (command !== 'COMMIT') {
    throw new CopylineError('COMMIT_ROLLED_BACK', `The server answered COMMIT with ${command}`, {
      commitState: 'rolled_back',
    });
  }
}

/** Whether the connection itself refused the statement: it was closed, or a COPY was running. */
function wasNotSent(error: unknown): boolean {
  return (
    error instanceof CopylineError &&
    (error.code === 'CONNECTION_UNUSABLE' || error.code === 'INTERNAL')
  );
}
