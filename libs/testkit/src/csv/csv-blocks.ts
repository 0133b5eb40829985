import { SeededRandom } from './csv-fields.ts';
import { CSV_SHAPES, type CsvShape } from './csv-shapes.ts';

export interface CsvOptions {
  readonly rows: number;
  /** The same seed and shape give the same bytes; 1 unless told. */
  readonly seed?: number;
  /** `mixed` unless told. */
  readonly shape?: CsvShape;
  /** The first `rid`; 1 unless told. Several files of one load take ranges that do not meet. */
  readonly firstRid?: number;
  /** A header line with the column names; true unless told. */
  readonly header?: boolean;
}

/** So many different rows are rendered; longer files repeat them under new rids. */
const ROWS_PER_BLOCK = 8192;

/**
 * The bytes of a generated CSV, block by block. Rows are rendered once, then only the digits of
 * their `rid` are patched, so gigabytes cost little more than writing them.
 *
 * A yielded buffer is reused for the next block: use it up before asking for the next.
 */
export function* csvBlocks({
  rows,
  seed = 1,
  shape = 'mixed',
  firstRid = 1,
  header = true,
}: CsvOptions): Generator<Buffer, void, undefined> {
  if (header) yield Buffer.from(`${csvColumnNames(shape).join(',')}\n`);
  const tails = renderTails(shape, seed, Math.min(rows, ROWS_PER_BLOCK));
  let template: BlockTemplate | undefined;
  for (let done = 0; done < rows;) {
    const rid = firstRid + done;
    const digits = String(rid).length;
    // One template serves all rids of the same length: ten or so in the largest file.
    if (template?.digits !== digits) template = new BlockTemplate(tails, digits);
    const first = done % tails.length;
    const count = Math.min(rows - done, tails.length - first, 10 ** digits - rid);
    yield template.rowsFrom(first, count, rid);
    done += count;
  }
}

export function csvColumnNames(shape: CsvShape): string[] {
  return ['rid', ...CSV_SHAPES[shape].map(({ name }) => name)];
}

/** Everything of a row after its rid, line end included. */
function renderTails(shape: CsvShape, seed: number, count: number): Buffer[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => {
    const fields = CSV_SHAPES[shape].map(({ field }) => field(random));
    return Buffer.from(`,${fields.join(',')}\n`);
  });
}

const ZERO = 0x30;
const NINE = 0x39;

class BlockTemplate {
  readonly digits: number;
  readonly #bytes: Buffer;
  /** Where each row starts, and the end of the last one. */
  readonly #offsets: number[] = [0];

  constructor(tails: readonly Buffer[], digits: number) {
    this.digits = digits;
    const placeholder = Buffer.alloc(digits, '0');
    this.#bytes = Buffer.concat(tails.flatMap((tail) => [placeholder, tail]));
    let offset = 0;
    for (const tail of tails) this.#offsets.push((offset += digits + tail.length));
  }

  rowsFrom(first: number, count: number, rid: number): Buffer {
    const digits = Buffer.from(String(rid));
    for (let row = first; row < first + count; row++) {
      digits.copy(this.#bytes, this.#offsets[row]);
      increment(digits);
    }
    return this.#bytes.subarray(this.#offsets[first], this.#offsets[first + count]);
  }
}

/** Adds one to a decimal number in ASCII; past 99…9 it starts again, which nobody reads. */
function increment(digits: Buffer): void {
  for (let at = digits.length - 1; at >= 0; at--) {
    if (digits[at] !== NINE) {
      digits[at] = (digits[at] ?? ZERO) + 1;
      return;
    }
    digits[at] = ZERO;
  }
}
