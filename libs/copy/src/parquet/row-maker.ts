import { ASK, encodedRoom, type FieldEncoder } from '../encode/index.ts';
import { ASKED, LOSSY, REFUSED, type Verdict } from './cells.ts';
import type { FileColumn } from './file-column.ts';

/** A value behind those of the file: the same in every row, or the number of the record. */
export type SetCell =
  | { readonly cell: Buffer | undefined; readonly text: Buffer }
  | { readonly encoder: FieldEncoder | undefined };

const FIRST_BYTES = 512 * 1024;
/** A length that says NULL, and nothing behind it. */
const NULL_LENGTH = -1;
const NULL_BYTES = 4;
const LENGTH_BYTES = 4;
const TEXT_NULL = Buffer.from('\\N');
const TAB = 0x09;
const LF = 0x0a;
/** Of the text form: what a backslash stands before. Source: PostgreSQL, "COPY, Text Format". */
const ESCAPED = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

export function escapeText(text: string): string {
  return text.replace(ESCAPED, (each) => ESCAPES[each] ?? each);
}

/** What is wrong with a row. */
export interface RowFault {
  readonly column: number;
  readonly verdict: Verdict;
}

/** Puts the fields of columns together to rows of COPY, one after another in one buffer. */
export class RowMaker {
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  at = 0;
  readonly #columns: readonly FileColumn[];
  readonly #set: readonly SetCell[];
  readonly #count: number;
  /** Where the next field of each row goes. */
  #places = new Int32Array(0);

  constructor(columns: readonly FileColumn[], set: readonly SetCell[]) {
    this.#columns = columns;
    this.#set = set;
    this.#count = columns.length + set.length;
  }

  /** The rows since the last time; the memory is the caller's now. */
  take(next: ArrayBuffer | undefined): Buffer {
    const rows = this.out.subarray(0, this.at);
    this.out = next === undefined ? Buffer.allocUnsafeSlow(FIRST_BYTES) : Buffer.from(next);
    this.at = 0;
    return rows;
  }

  /**
   * Adds rows `[from…to)` of the columns' windows. The hot loop of a load: column by column, first for the
   * places of the rows, then for their fields, so that each loop meets one column only.
   *
   * @param firstRecord the number of the record of row `from`
   */
  addBinary(from: number, to: number, firstRecord: number): void {
    const count = to - from;
    if (this.#places.length < count) this.#places = new Int32Array(count);
    const places = this.#places.subarray(0, count).fill(COUNT_BYTES);
    for (const column of this.#columns) addSizes(column, from, places);
    for (const set of this.#set) {
      const size = 'cell' in set ? (set.cell?.length ?? 0) : 0;
      for (let i = 0; i < count; i += 1) {
        (places[i] as number) += 'cell' in set ? size : numberCell(set, firstRecord + i).length;
      }
    }
    let total = 0;
    for (let i = 0; i < count; i += 1) total += places[i] as number;
    if (this.at + total > this.out.length) this.#grow(total);
    const { out } = this;
    const fields = this.#count;
    let place = this.at;
    for (let i = 0; i < count; i += 1) {
      const size = places[i] as number;
      out[place] = fields >>> 8;
      out[place + 1] = fields;
      places[i] = place + COUNT_BYTES;
      place += size;
    }
    for (const column of this.#columns) copyFields(column, from, places, out);
    for (const set of this.#set) {
      for (let i = 0; i < count; i += 1) {
        const cell = 'cell' in set ? (set.cell ?? NOTHING) : numberCell(set, firstRecord + i);
        (places[i] as number) += cell.copy(out, places[i]);
      }
    }
    this.at = place;
  }

  /** Adds one row as a line of the text form. */
  addText(row: number, record: number): RowFault | undefined {
    const start = this.at;
    let isFirst = true;
    for (const [c, column] of this.#columns.entries()) {
      const text = column.text(row);
      if (typeof text === 'number') {
        this.at = start;
        return { column: c, verdict: text };
      }
      if (!isFirst) this.#putByte(TAB);
      isFirst = false;
      this.#put(text === null ? TEXT_NULL : Buffer.from(escapeText(text)));
    }
    for (const set of this.#set) {
      if (!isFirst) this.#putByte(TAB);
      isFirst = false;
      this.#put('text' in set ? set.text : Buffer.from(String(record)));
    }
    this.#putByte(LF);
    return undefined;
  }

  /** Why a row has no binary form; `undefined` when it has one. */
  faultOf(row: number): RowFault | undefined {
    let asked: RowFault | undefined;
    for (const [c, { index, at, cells }] of this.#columns.entries()) {
      const value = index[at + row] as number;
      const verdict = value < 0 ? 0 : (cells.verdicts?.[value] ?? 0);
      if (verdict === REFUSED || verdict === LOSSY) return { column: c, verdict };
      if (verdict === ASKED) asked ??= { column: c, verdict };
    }
    return asked;
  }

  /** Whether the number of a record is a value of every column that is set to it. */
  recordFits(record: number): boolean {
    return this.#set.every((set) =>
      'cell' in set ? set.cell !== undefined : numberCell(set, record).length > 0,
    );
  }

  #put(bytes: Buffer): void {
    if (this.at + bytes.length > this.out.length) this.#grow(bytes.length);
    this.at += bytes.copy(this.out, this.at);
  }

  #putByte(byte: number): void {
    if (this.at + 1 > this.out.length) this.#grow(1);
    this.out[this.at] = byte;
    this.at += 1;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.at + bytes, this.out.length * 2));
    this.out.copy(larger, 0, 0, this.at);
    this.out = larger;
  }
}

/** Below this, copying byte by byte is faster than a call. */
const SHORT_BYTES = 48;
const WORD_BYTES = 4;
const COUNT_BYTES = 2;
const NOTHING = Buffer.alloc(0);

function addSizes({ index, at, cells }: FileColumn, from: number, sizes: Int32Array): void {
  const { starts, width } = cells;
  const first = at + from;
  for (let i = 0; i < sizes.length; i += 1) {
    const value = index[first + i] as number;
    (sizes[i] as number) +=
      value < 0
        ? NULL_BYTES
        : width > 0
          ? width
          : (starts[value + 1] as number) - (starts[value] as number);
  }
}

/** Copies the fields of a column, each to the place of its row, and moves the places on. */
function copyFields(column: FileColumn, from: number, places: Int32Array, out: Buffer): void {
  if (column.cells.isReversed) copyReversed(column, from, places, out);
  else copyAsTheyAre(column, from, places, out);
}

function copyReversed(
  { index, at, cells: { bytes, base, width } }: FileColumn,
  from: number,
  places: Int32Array,
  out: Buffer,
): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const target = new DataView(out.buffer, out.byteOffset, out.length);
  const first = at + from;
  const length = width - LENGTH_BYTES;
  for (let i = 0; i < places.length; i += 1) {
    const to = places[i] as number;
    const value = index[first + i] as number;
    if (value < 0) {
      target.setInt32(to, NULL_LENGTH);
      places[i] = to + NULL_BYTES;
      continue;
    }
    target.setInt32(to, length);
    let p = base + (value + 1) * length;
    const end = to + width;
    for (let q = to + LENGTH_BYTES; q < end; q += WORD_BYTES) {
      p -= WORD_BYTES;
      target.setInt32(q, source.getInt32(p, true));
    }
    places[i] = end;
  }
}

function copyAsTheyAre(
  { index, at, cells: { bytes, starts, width } }: FileColumn,
  from: number,
  places: Int32Array,
  out: Buffer,
): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const target = new DataView(out.buffer, out.byteOffset, out.length);
  const first = at + from;
  for (let i = 0; i < places.length; i += 1) {
    let to = places[i] as number;
    const value = index[first + i] as number;
    if (value < 0) {
      target.setInt32(to, NULL_LENGTH);
      places[i] = to + NULL_BYTES;
      continue;
    }
    const start = width > 0 ? value * width : (starts[value] as number);
    const end = width > 0 ? start + width : (starts[value + 1] as number);
    if (end - start < SHORT_BYTES) {
      let p = start;
      // Four bytes at once, wherever they lie: decoding as a whole takes a fifth less than byte by byte.
      for (; p + WORD_BYTES <= end; p += WORD_BYTES, to += WORD_BYTES) {
        target.setInt32(to, source.getInt32(p));
      }
      for (; p < end; p += 1, to += 1) out[to] = bytes[p] as number;
    } else {
      to += bytes.copy(out, to, start, end);
    }
    places[i] = to;
  }
}

/** A record's number as a field; empty where it is no value of the column. */
function numberCell(
  { encoder }: { readonly encoder: FieldEncoder | undefined },
  record: number,
): Buffer {
  const text = Buffer.from(String(record));
  const out = Buffer.alloc(encodedRoom(text.length));
  const end = encoder?.encode(text, 0, text.length, out, 0) ?? ASK;
  return end < 0 ? NOTHING : out.subarray(0, end);
}
