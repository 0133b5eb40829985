/** Numbers kept of each row. */
const FIELDS = 6;
const FIRST_ROWS = 4096;

/** Where a row is in its piece and in its source. */
export interface IndexedRow {
  /** The byte after the row in the binary form of the piece, and in its text form. */
  readonly binaryEnd: number;
  readonly textEnd: number;
  /** The record in the bytes of the source that the piece was made of. */
  readonly rawStart: number;
  readonly rawEnd: number;
  /** Counted from the beginning of the piece. */
  readonly record: number;
  readonly line: number;
}

/** The rows of one piece, for whoever has to find one again: six numbers each, no objects. */
export class RowIndex {
  count = 0;
  #numbers = new Int32Array(FIRST_ROWS * FIELDS);

  add(
    binaryEnd: number,
    textEnd: number,
    rawStart: number,
    rawEnd: number,
    record: number,
    line: number,
  ): void {
    const at = this.count * FIELDS;
    if (at === this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    numbers[at] = binaryEnd;
    numbers[at + 1] = textEnd;
    numbers[at + 2] = rawStart;
    numbers[at + 3] = rawEnd;
    numbers[at + 4] = record;
    numbers[at + 5] = line;
    this.count += 1;
  }

  setTextEnd(index: number, end: number): void {
    this.#numbers[index * FIELDS + 1] = end;
  }

  row(index: number): IndexedRow {
    const at = index * FIELDS;
    const [binaryEnd = 0, textEnd = 0, rawStart = 0, rawEnd = 0, record = 0, line = 0] =
      this.#numbers.subarray(at, at + FIELDS);
    return { binaryEnd, textEnd, rawStart, rawEnd, record, line };
  }

  /** All numbers, for an index of the same rows in another thread. */
  numbers(): Int32Array<ArrayBuffer> {
    return this.#numbers.subarray(0, this.count * FIELDS);
  }

  static of(numbers: Int32Array<ArrayBuffer>): RowIndex {
    const index = new RowIndex();
    index.#numbers = numbers;
    index.count = numbers.length / FIELDS;
    return index;
  }

  #grow(): void {
    const larger = new Int32Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}
