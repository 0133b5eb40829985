import { CopylineError } from '@copyline/contracts';

/** Rows that are taken apart at a time: enough to stay in one column's loop, few enough for the cache. */
const MAX_ROWS = 1024;
/** A bit more than that: columns at distances of a power of two would fight for the same cache lines. */
const STRIDE = MAX_ROWS + 16;

/** Finds the fields of rows in COPY's binary form. Source: PostgreSQL, "COPY, Binary Format". */
export class RowFields {
  /** Field c of row r is at index `c * stride + r`; a negative length is NULL. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly stride = STRIDE;
  rows = 0;
  readonly #columns: number;

  constructor(columns: number) {
    this.#columns = columns;
    this.starts = new Int32Array(columns * STRIDE);
    this.lengths = new Int32Array(columns * STRIDE);
  }

  /**
   * Takes apart as many rows as there is room for, from `at` on; the bytes end with a row.
   *
   * @returns where the next row begins
   */
  read(bytes: Buffer, at: number): number {
    const { starts, lengths } = this;
    const columns = this.#columns;
    let p = at;
    let row = 0;
    while (p < bytes.length && row < MAX_ROWS) {
      const count = ((bytes[p] as number) << 8) | (bytes[p + 1] as number);
      if (count !== columns) throw malformed();
      p += 2;
      for (let index = row; index < columns * STRIDE; index += STRIDE) {
        const length =
          ((bytes[p] as number) << 24) |
          ((bytes[p + 1] as number) << 16) |
          ((bytes[p + 2] as number) << 8) |
          (bytes[p + 3] as number);
        p += 4;
        starts[index] = p;
        lengths[index] = length;
        if (length > 0) p += length;
      }
      row += 1;
    }
    if (p > bytes.length) throw malformed();
    this.rows = row;
    return p;
  }
}

function malformed(): CopylineError {
  return new CopylineError('INTERNAL', 'The server has sent a row that is not as described');
}
