/** What the rows of one window of the reader take, as a rule; grown where they take more. */
const FIRST_BYTES = 512 * 1024;

/** Rows that are being made, and others that are on their way to the server meanwhile. */
export class RowBuffer {
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** The byte after the last row. */
  at = 0;
  #other: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** Makes room for so many bytes behind `at`. */
  reserve(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.out.length * 2));
    this.out.copy(larger, 0, 0, this.at);
    this.out = larger;
  }

  /** The rows since the last time; they stay untouched until the time after the next. */
  take(): Buffer {
    const rows = this.out.subarray(0, this.at);
    [this.out, this.#other] = [this.#other, this.out];
    this.at = 0;
    return rows;
  }

  /** Forgets the rows since `take`. */
  discard(): void {
    this.at = 0;
  }
}
