import type { CsvScanner } from '../csv/scanner.ts';
import {
  firstFlagged,
  flagsOf,
  flagsOfControls,
  LastViews,
  repeated,
  WORD_BYTES,
} from '../csv/words.ts';
import { FieldReader } from './field-reader.ts';
import { RowBuffer } from './row-buffer.ts';
import { RECORD_NUMBER, type RowLayout } from './row-layout.ts';

const TAB = 0x09;
const LF = 0x0a;
const BACKSLASH = 0x5c;
const CAPITAL_N = 0x4e;

/** Behind a backslash it stands for the byte; 0 for bytes that stand for themselves. */
const ESCAPES = new Uint8Array(256);
ESCAPES[BACKSLASH] = BACKSLASH;
ESCAPES[TAB] = 0x74;
ESCAPES[LF] = 0x6e;
ESCAPES[0x0d] = 0x72;

/** Room for the number of a record, and for the byte behind it. */
const NUMBER_BYTES = 20;

/**
 * Makes lines of COPY TEXT of the scanner's records, one for each whatever its values hold: line n to
 * the server is row n.
 *
 * Source: PostgreSQL, "COPY, Text Format": fields end at a tab, `\N` is NULL, and a backslash leads an
 * escape; so `\.`, which would end the data, cannot occur.
 */
export class TextRows {
  readonly #fields: FieldReader;
  readonly #isLoaded: readonly boolean[];
  /** The values behind those of the fields, each with the byte that ends it, ready to be sent. */
  readonly #set: readonly (Buffer | typeof RECORD_NUMBER)[];
  readonly #setBytes: number;
  readonly #rows = new RowBuffer();

  constructor(layout: RowLayout) {
    this.#fields = new FieldReader(layout);
    this.#isLoaded = layout.fields.map((field) => field !== undefined);
    this.#set = layout.set.map((value) => (value === RECORD_NUMBER ? value : textOf(value)));
    this.#setBytes = this.#set.reduce(
      (sum, value) => sum + (value === RECORD_NUMBER ? NUMBER_BYTES : value.length),
      0,
    );
  }

  /** Adds the scanner's current record as a row. @returns the place behind it */
  add(record: CsvScanner, window: Buffer): number {
    const { fieldEnds, fieldCount } = record;
    const fields = this.#fields;
    const isLoaded = this.#isLoaded;
    const rows = this.#rows;
    // At worst each byte is escaped; a field takes three bytes more for `\N` and what ends it, and the
    // last word of a value as many.
    rows.reserve(
      WORD_BYTES + fieldCount * 3 + (record.contentEnd - record.start) * 2 + this.#setBytes,
    );
    const { out } = rows;
    let { at } = rows;
    let start = record.start;
    for (let i = 0; i < fieldCount; i += 1) {
      const end = fieldEnds[i] as number;
      if (isLoaded[i] === true) {
        if (fields.read(record, window, i, start, end)) {
          at = writeText(fields.bytes, fields.start, fields.end, out, at);
        } else {
          out[at] = BACKSLASH;
          out[at + 1] = CAPITAL_N;
          at += 2;
        }
        out[at] = TAB;
        at += 1;
      }
      start = end + 1;
    }
    for (const value of this.#set) {
      at += value === RECORD_NUMBER ? out.write(`${record.record}\t`, at) : value.copy(out, at);
    }
    out[at - 1] = LF;
    rows.at = at;
    return at;
  }

  /** The rows since the last time; they stay untouched until the time after the next. */
  take(): Buffer {
    return this.#rows.take();
  }
}

const sources = new LastViews();
const targets = new LastViews();
const BACKSLASHES = repeated(BACKSLASH);

/** Up to three bytes behind the value in `out` may be changed. */
function writeText(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  const from = sources.of(bytes);
  const into = targets.of(out);
  // Whole words only, on both sides.
  const last = Math.min(end, bytes.length - WORD_BYTES + 1);
  let p = start;
  let q = at;
  while (p < end) {
    while (p < last) {
      const word = from.getInt32(p, true);
      const flags = flagsOf(word, BACKSLASHES) | flagsOfControls(word);
      into.setInt32(q, word, true);
      const plain = flags === 0 ? WORD_BYTES : firstFlagged(flags);
      p += plain;
      q += plain;
      if (flags !== 0) break;
    }
    // The last word may have gone beyond the end.
    if (p >= end) return q - (p - end);
    const byte = bytes[p] as number;
    const escape = ESCAPES[byte] as number;
    if (escape !== 0) {
      out[q] = BACKSLASH;
      q += 1;
    }
    out[q] = escape === 0 ? byte : escape;
    p += 1;
    q += 1;
  }
  return q;
}

/** A value with the tab behind it. */
function textOf(value: string | null): Buffer {
  if (value === null) return Buffer.from('\\N\t');
  const bytes = Buffer.from(value);
  const out = Buffer.alloc(bytes.length * 2 + WORD_BYTES);
  const end = writeText(bytes, 0, bytes.length, out, 0);
  out[end] = TAB;
  return out.subarray(0, end + 1);
}
