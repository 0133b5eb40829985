import type { CopylineError } from '@copyline/contracts';
import { abortReason, type Connection } from '@copyline/dws-client';

import { cancelOnAbort } from '../extract/stop-signal.ts';
import { copyRows, type Chunk } from '../lanes/chunk.ts';
import { copyContextOf, type CopyContext } from '../locate-error.ts';
import type { LoadPlan } from '../plan/plan-load.ts';
import type { StagePlan } from '../plan/plan-rejects.ts';
import { isRecordError } from './record-errors.ts';
import { refusalOf, refusedRow, type Refusal } from './refused-row.ts';

interface StoredRow {
  readonly nth: bigint | null;
  readonly state: string;
  readonly message: string;
  readonly column: string;
  readonly stored: bigint;
}

/** After a refusal so many times the distance to it is sent next: what follows it may be thrown away. */
const REACH_AFTER_REFUSAL = 4;
const LEAST_REACH = 64;

/**
 * A temporary table through which the rows of a chunk go when the target has refused it. It has the
 * target's types and none of its constraints, so that a value which is refused is told from a row
 * which is: the first is found by the line that the server names, the second by halves, inside the
 * server.
 */
export class RowStage {
  readonly #connection: Connection;
  readonly #plan: StagePlan;
  readonly #source: Pick<LoadPlan, 'scanner' | 'columns' | 'mapping'>;
  readonly #signal: AbortSignal | undefined;
  #isMade = false;

  constructor(
    connection: Connection,
    plan: StagePlan,
    source: Pick<LoadPlan, 'scanner' | 'columns' | 'mapping'>,
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#plan = plan;
    this.#source = source;
    this.#signal = signal;
  }

  /**
   * Stores the rows of a chunk that can be stored; the others are added to its rejects.
   *
   * @param eager whether many rows are likely to be refused by a constraint
   * @throws CopylineError what is not the fault of a record
   */
  async store(
    chunk: Chunk,
    eager: boolean,
  ): Promise<{ readonly stored: number; readonly refusedByTarget: number }> {
    await this.#prepare();
    const staged = await this.#fill(chunk);
    const rows = await this.#move(eager);
    let stored = 0;
    let refusedByTarget = 0;
    for (const row of rows) {
      if (row.nth === null) {
        stored = Number(row.stored);
      } else {
        refusedByTarget += 1;
        const at = staged[Number(row.nth) - 1] ?? 0;
        this.#refuse(chunk, at, refusalOf(row.state, row.message), row.column);
      }
    }
    return { stored, refusedByTarget };
  }

  /** May take seconds where much is refused: an abort is not to wait for it. */
  async #move(eager: boolean): Promise<readonly StoredRow[]> {
    const signal = this.#signal;
    const store = async (): Promise<readonly StoredRow[]> =>
      (await this.#connection.query<StoredRow>(this.#plan.store, [eager])).rows;
    if (signal === undefined) return store();
    try {
      return await cancelOnAbort(this.#connection, signal, store);
    } catch (error) {
      throw signal.aborted ? abortReason(signal) : error;
    }
  }

  /** Takes away what does not go away with the transaction. */
  async drop(): Promise<void> {
    if (this.#isMade) await this.#connection.query(this.#plan.drop);
  }

  async #prepare(): Promise<void> {
    if (this.#isMade) {
      await this.#connection.query(this.#plan.clear);
      return;
    }
    for (const statement of this.#plan.create) await this.#connection.query(statement);
    this.#isMade = true;
  }

  /** Copies the rows whose values are what their columns want. @returns these rows, in their order */
  async #fill(chunk: Chunk): Promise<number[]> {
    const staged: number[] = [];
    const refused = new Map<number, CopylineError>();
    let from = 0;
    let reach = chunk.rows;
    while (from < chunk.rows) {
      const refusal = refused.get(from);
      if (refusal !== undefined) {
        const { sqlstate = '', message } = refusal;
        const { column } = this.#contextOf(refusal) ?? {};
        this.#refuse(chunk, from, refusalOf(sqlstate, message), column);
        from += 1;
        continue;
      }
      // A row that was named is known to be wrong: what comes before it goes first.
      const known = [...refused.keys()].find((row) => row > from);
      const to = Math.min(known ?? chunk.rows, from + reach);
      try {
        await this.#copy(chunk, from, to);
        for (let row = from; row < to; row += 1) staged.push(row);
        from = to;
        reach *= 2;
      } catch (error) {
        if (!isRecordError(error)) throw error;
        const named = this.#rowOf(chunk, from, error);
        const bad = named === undefined || named >= to ? undefined : named;
        refused.clear();
        if (bad !== undefined) refused.set(bad, error);
        else if (to - from === 1) refused.set(from, error);
        reach =
          bad === undefined
            ? Math.max(1, (to - from) >> 1)
            : Math.max(LEAST_REACH, (bad - from) * REACH_AFTER_REFUSAL);
      }
    }
    return staged;
  }

  #copy(chunk: Chunk, from: number, to: number): Promise<number> {
    const statement = this.#plan.copy[chunk.form];
    return this.#connection.transaction(() =>
      copyRows(this.#connection, statement, chunk, { from, to }, this.#signal),
    );
  }

  #rowOf(chunk: Chunk, from: number, error: CopylineError): number | undefined {
    const line = this.#contextOf(error)?.line;
    return line === undefined ? undefined : chunk.rowAtLine(from, line);
  }

  #contextOf(error: CopylineError): CopyContext | undefined {
    return copyContextOf(error, this.#plan.name, this.#source.columns);
  }

  #refuse(chunk: Chunk, row: number, refusal: Refusal, column: string | undefined): void {
    chunk.rejects.push(refusedRow(chunk, row, refusal, column, this.#source));
  }
}
