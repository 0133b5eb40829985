import { CopylineError } from '@copyline/contracts';
import { diagnosticsOf, throwIfAborted } from '@copyline/dws-client';

import type { Execution } from '../execution.ts';
import { copyRows, type Chunk, type ChunkStore } from '../lanes/chunk.ts';
import { copyContextOf } from '../locate-error.ts';
import { isRecordError } from './record-errors.ts';
import { refusalOf, refusedRow } from './refused-row.ts';
import type { Reject } from './reject.ts';

/**
 * How often a load starts again to leave out one record more. Each time costs what the load has cost up
 * to that record: a hundred times is already long to wait, and a file with more bad records has more
 * than a few to correct.
 */
const MOST_RESTARTS = 100;

/** The server has refused a record, and with it everything that the transaction had done. */
export class RecordRefused extends Error {
  readonly reject: Reject;

  constructor(reject: Reject) {
    super('The server has refused a record');
    this.reject = reject;
  }
}

/** What a pass through the source needs of a run. */
type Passing = Pick<Execution, 'plan' | 'file' | 'connection' | 'recorder' | 'signal' | 'leftOut'>;

/**
 * Runs the transaction of a load; on a server without COPY under a savepoint again and again, each time
 * without the record that the server has refused the time before. Elsewhere it is run once.
 *
 * @param pass makes everything that it uses anew, and rolls back when it throws
 * @throws CopylineError what `pass` throws; `REFUSALS_UNBOUNDED`; `INTERRUPTED`
 */
export async function restartWithout<T>(
  { plan, file, recorder, signal, leftOut }: Passing,
  pass: () => Promise<T>,
): Promise<T> {
  if (plan.rejects === undefined || plan.rejects.stage !== undefined) return pass();
  for (;;) {
    try {
      return await pass();
    } catch (error) {
      if (!(error instanceof RecordRefused)) throw isRecordError(error) ? unnamed(error) : error;
      if (leftOut.length === MOST_RESTARTS) throw unbounded(error.reject, file.name);
      leftOut.push(error.reject);
    }
    throwIfAborted(signal);
    recorder.attempts += 1;
    recorder.warn(
      'RESTARTED',
      'The server has no COPY under a savepoint: for each record that it refused the load started again',
    );
  }
}

/**
 * Stores chunks in a transaction that ends with the first refusal. Records that are known to be refused
 * are left out: what lies between them is a COPY each, so that a line of it is a row.
 */
export class ChunksWithout implements ChunkStore {
  readonly #run: Passing;

  constructor(run: Passing) {
    this.#run = run;
  }

  /** @throws RecordRefused for a record that the server has named */
  async store(chunk: Chunk): Promise<number> {
    const known = new Map<number, Reject>();
    for (const reject of this.#run.leftOut) {
      const row = chunk.rowOf(reject.record);
      if (row !== undefined) known.set(row, reject);
    }
    chunk.rejects.push(...known.values());
    let stored = 0;
    let from = 0;
    for (const row of [...known.keys()].sort((a, b) => a - b)) {
      stored += await this.#copy(chunk, from, row);
      from = row + 1;
    }
    return stored + (await this.#copy(chunk, from, chunk.rows));
  }

  async #copy(chunk: Chunk, from: number, to: number): Promise<number> {
    if (from === to) return 0;
    const { plan, connection, signal } = this.#run;
    try {
      const statement = plan.copyStatements[chunk.form];
      return await copyRows(connection, statement, chunk, { from, to }, signal);
    } catch (error) {
      if (!isRecordError(error)) throw error;
      const context = copyContextOf(error, plan.target.name, plan.columns);
      const row = context && chunk.rowAtLine(from, context.line);
      if (row === undefined || row >= to) throw error;
      const column = context?.column ?? diagnosticsOf(error)?.column;
      const refusal = refusalOf(error.sqlstate ?? '', error.message);
      const reject = refusedRow(chunk, row, refusal, column, plan);
      chunk.rejects.push(reject);
      throw new RecordRefused(reject);
    }
  }
}

/** The fault of a record, and nobody knows which. */
function unnamed(error: CopylineError): CopylineError {
  return error.with({
    advice: `The server has not said which record that is, and has no COPY under a savepoint to find it by, so --on-error continue could not go on. ${error.advice}`,
  });
}

function unbounded({ record, line, column, excerpt }: Reject, source: string): CopylineError {
  return new CopylineError(
    'REFUSALS_UNBOUNDED',
    `The load has started again ${String(MOST_RESTARTS)} times, each time without one record more that the server refused, and another one is refused`,
    {
      commitState: 'rolled_back',
      source,
      record,
      ...(line === 0 ? {} : { line }),
      ...(column === null ? {} : { column }),
      ...(excerpt === null ? {} : { excerpt }),
    },
  );
}
