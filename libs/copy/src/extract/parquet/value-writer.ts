import type { PlainPage } from './plain-page.ts';

/**
 * One column of some rows in COPY's binary form: field i, for i from `from` up to `to`, has
 * `lengths[i]` bytes at `starts[i]`, or is NULL where the length is negative.
 */
export interface ColumnFields {
  readonly bytes: Buffer;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly from: number;
  readonly to: number;
}

/**
 * Writes the values of a column that are not NULL into a page, as Parquet's PLAIN encoding has them.
 *
 * A class for each type, with its loop inside: the same few calls for a thousand values.
 */
export interface ValueWriter {
  /** @throws ValueFault */
  write(fields: ColumnFields, page: PlainPage): void;
}

/** A value that the file's type cannot hold. */
export class ValueFault extends Error {
  /** Index into the fields. */
  readonly index: number;
  readonly value: string;
  readonly expected: string;

  constructor(index: number, value: string, expected: string) {
    super(`${value} is not ${expected}`);
    this.index = index;
    this.value = value;
    this.expected = expected;
  }
}
