import type { CopylineError, RejectReport } from '@copyline/contracts';

import { rejectReport, type Reject, type RejectAllowance } from './reject.ts';

/** Where rejects are kept. */
export interface RejectStore {
  /** Takes some more, in the order of the file. They may be written later. */
  add(rejects: readonly Reject[]): Promise<void>;
  /** All of them are where they belong; nothing is published yet. */
  finish(): Promise<void>;
}

/** A place in the file. */
interface Reached {
  readonly rowsParsed: number;
  readonly bytesLeft: number;
}

/** Rejects that a report shows. */
const SHOWN = 10;

export interface RejectLogOptions {
  /** How many `first` holds. Default: 10. */
  readonly shown?: number;
  /** When there are so many, the rest of the file need not be read. Default: all of it. */
  readonly enough?: number;
}

/** The rejects of one load, in the order of the file: counted, held against the limit, handed on. */
export class RejectLog {
  count = 0;
  readonly first: RejectReport[] = [];
  readonly #store: RejectStore | undefined;
  readonly #allowance: RejectAllowance;
  readonly #shown: number;
  readonly #enough: number;

  constructor(
    store: RejectStore | undefined,
    allowance: RejectAllowance,
    { shown = SHOWN, enough = Infinity }: RejectLogOptions = {},
  ) {
    this.#store = store;
    this.#allowance = allowance;
    this.#shown = Math.min(shown, enough);
    this.#enough = enough;
  }

  /** Whether the rest of the file need not be read. */
  get hasEnough(): boolean {
    return this.count >= this.#enough;
  }

  /**
   * Takes what was refused of the records up to a place in the file.
   *
   * @throws CopylineError `REJECT_LIMIT_EXCEEDED`, with the place of the last one
   */
  async add(rejects: readonly Reject[], reached: Reached): Promise<void> {
    this.note(rejects, reached);
    if (rejects.length > 0) await this.#store?.add(rejects);
  }

  /** As `add`, of a transaction that is over: nothing can be kept any more. */
  note(rejects: readonly Reject[], { rowsParsed, bytesLeft }: Reached): void {
    for (const reject of rejects) {
      this.count += 1;
      if (this.first.length < this.#shown) this.first.push(rejectReport(reject));
    }
    if (this.#allowance.isPassed(this.count, rowsParsed, bytesLeft)) {
      throw this.#exceeded(rowsParsed, rejects.at(-1));
    }
  }

  async finish(): Promise<void> {
    await this.#store?.finish();
  }

  #exceeded(rowsParsed: number, last: Reject | undefined): CopylineError {
    const error = this.#allowance.exceeded(this.count, rowsParsed);
    if (last === undefined) return error;
    const { record, line, byteOffset, column, excerpt } = last;
    return error.with({
      record,
      line,
      ...(byteOffset === null ? {} : { byteOffset }),
      ...(column === null ? {} : { column }),
      ...(excerpt === null ? {} : { excerpt }),
    });
  }
}
