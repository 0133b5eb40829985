import { CopylineError } from '@copyline/contracts';

import { fromServerError, sqlstateOf } from './server-errors.ts';

/** What a transaction needs of its connection. */
interface Session {
  readonly isUsable: boolean;
  readonly transactionStatus: string;
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
  await connection.query(beginStatement(options));
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await rollBack(connection);
    throw error instanceof CopylineError ? error.with({ commitState: 'rolled_back' }) : error;
  }
  options.onCommit?.();
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
    if (isDefiniteRefusal(error, connection)) {
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

/** Whether the server said, by answering, that the transaction is over and undone. */
function isDefiniteRefusal(error: unknown, connection: Session): boolean {
  const sqlstate = sqlstateOf(error);
  // 40003 and 08007 say that the server itself does not know the outcome.
  if (sqlstate === undefined || sqlstate === '40003' || sqlstate === '08007') return false;
  // A backend that is terminated while it waits for a synchronous standby answers 57P01 although
  // it has committed: an answer that ends the session proves nothing.
  return !sqlstate.startsWith('57P');
}
