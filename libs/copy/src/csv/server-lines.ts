import type { CsvScanner } from './scanner.ts';
import type { LineEnd } from './scanning.ts';

/**
 * Counts lines as the server does for the `CONTEXT: COPY t, line n` of its errors: one for each
 * record, and one for each line break inside quotes, but only for line breaks of the kind that it
 * took for the file's own when it read the first record; until then it counts carriage returns.
 *
 * Source: PostgreSQL, copyfromparse.c, CopyReadLineText (15 to 18 agree).
 */
export class ServerLines {
  /** The server's line number of the last record counted. */
  last = 0;
  #lineEnd: LineEnd | undefined;
  #lineFeeds: number;
  #carriageReturns: number;

  constructor(scanner: CsvScanner, from: ServerLinesState = { last: 0, lineEnd: undefined }) {
    this.last = from.last;
    this.#lineEnd = from.lineEnd;
    this.#lineFeeds = scanner.quotedLineFeeds;
    this.#carriageReturns = scanner.quotedCarriageReturns;
  }

  get state(): ServerLinesState {
    return { last: this.last, lineEnd: this.#lineEnd };
  }

  /** The line end that all records are sent with; `undefined` before the first one. */
  get lineEnd(): LineEnd | undefined {
    return this.#lineEnd;
  }

  /** Counts the scanner's current record. */
  add(scanner: CsvScanner): void {
    const lineFeeds = scanner.quotedLineFeeds - this.#lineFeeds;
    const carriageReturns = scanner.quotedCarriageReturns - this.#carriageReturns;
    this.last += 1 + (this.#lineEnd === 'lf' ? lineFeeds : carriageReturns);
    this.#lineFeeds = scanner.quotedLineFeeds;
    this.#carriageReturns = scanner.quotedCarriageReturns;
    this.#lineEnd ??= scanner.lineEnd;
  }
}

export interface ServerLinesState {
  readonly last: number;
  readonly lineEnd: LineEnd | undefined;
}

/** Counts as the server does in COPY … (FORMAT binary) and in our lines of text: a line is a row. */
export class ServerRows {
  last: number;

  constructor(from: ServerLinesState) {
    this.last = from.last;
  }

  add(): void {
    this.last += 1;
  }
}
