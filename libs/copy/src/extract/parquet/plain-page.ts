/** Grown as the values need it: a table may have a thousand columns. */
const FIRST_BYTES = 4096;

/** The values of one column that will be a page: those that are not NULL, and which are. */
export class PlainPage {
  /** The values, PLAIN encoded; `length` bytes of it are in use. */
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;
  rows = 0;
  nulls = 0;
  /** Booleans are bits: how many of the last byte are taken; 0 for whole bytes. */
  bits = 0;
  /** A bit for each row, from the lowest of the first byte: 1 is a value. */
  #present = new Uint8Array(FIRST_BYTES / 8);

  /** Room for so many more bytes, at `length`. */
  reserve(bytes: number): Buffer {
    const needed = this.length + bytes;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    return this.bytes;
  }

  /** Notes which rows have a value: those whose length is not negative. */
  addRows(lengths: Int32Array, from: number, to: number): void {
    const rows = to - from;
    if (this.rows + rows > 8 * this.#present.length) {
      const grown = new Uint8Array(Math.max((this.rows + rows + 7) >> 3, 2 * this.#present.length));
      grown.set(this.#present);
      this.#present = grown;
    }
    const present = this.#present;
    let row = this.rows;
    for (let i = from; i < to; i += 1, row += 1) {
      if ((lengths[i] as number) < 0) this.nulls += 1;
      else present[row >> 3] = (present[row >> 3] as number) | (1 << (row & 7));
    }
    this.rows = row;
  }

  /**
   * Definition levels in the hybrid of runs and packed bits, without their length. Source: Parquet,
   * "Encodings", RLE: an even header is a run, an odd one so many groups of eight bits.
   */
  levels(): Buffer {
    if (this.nulls === 0 || this.nulls === this.rows) {
      return Buffer.from([...varint(this.rows * 2), this.nulls === 0 ? 1 : 0]);
    }
    const groups = (this.rows + 7) >> 3;
    return Buffer.concat([Buffer.from(varint(groups * 2 + 1)), this.#present.subarray(0, groups)]);
  }

  clear(): void {
    this.#present.fill(0, 0, (this.rows + 7) >> 3);
    this.length = this.rows = this.nulls = this.bits = 0;
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}
