import { CopylineError } from '@copyline/contracts';

import type { CsvScanner } from '../csv/scanner.ts';
import { ASK, encodedRoom, type FieldEncoder, type Refusal } from '../encode/index.ts';
import { FieldReader } from './field-reader.ts';
import { RowBuffer } from './row-buffer.ts';
import { RECORD_NUMBER, type RowLayout } from './row-layout.ts';

/** Two bytes that count the fields come before them. */
const COUNT_BYTES = 2;
const NULL_LENGTH_BYTES = 4;
/** Digits of the number of a record. */
const NUMBER_BYTES = 16;

/**
 * Source: PostgreSQL, "COPY, Binary Format": signature, no flags, no extension; and a field count of
 * -1 at the end.
 */
export const BINARY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const BINARY_TRAILER = Buffer.from([0xff, 0xff]);

/**
 * Makes rows of COPY BINARY of the scanner's records.
 *
 * The hot loop of a load: no string, no allocation and no call but the reader's and the encoder's for a field.
 */
export class BinaryRows {
  /** One for each field; `undefined` for one that is left out of the row. */
  readonly #encoders: readonly (FieldEncoder | undefined)[];
  readonly #columns: number;
  readonly #fields: FieldReader;
  /** The values behind those of the fields: encoded, or to be made of the record's number. */
  readonly #set: readonly (Buffer | FieldEncoder)[];
  readonly #setBytes: number;
  readonly #number = Buffer.alloc(NUMBER_BYTES);
  readonly #rows = new RowBuffer();
  #failedField = -1;

  /**
   * @param encoders one for each column: of the fields that are loaded, then of the values that are set,
   *   which they must accept
   */
  constructor(encoders: readonly FieldEncoder[], layout: RowLayout) {
    let column = 0;
    const next = (): FieldEncoder => encoders[column++] as FieldEncoder;
    this.#encoders = layout.fields.map((field) => (field === undefined ? undefined : next()));
    this.#set = layout.set.map((value) =>
      value === RECORD_NUMBER ? next() : encoded(value, next()),
    );
    this.#columns = encoders.length;
    this.#fields = new FieldReader(layout);
    this.#setBytes = this.#set.reduce(
      (sum, value) => sum + (Buffer.isBuffer(value) ? value.length : encodedRoom(NUMBER_BYTES)),
      0,
    );
  }

  /**
   * Adds the scanner's current record as a row.
   *
   * @returns a negative number when a field cannot be encoded, and the record is left out: `ASK`, or
   *   `REFUSE` with a reason that `refusal` tells
   */
  add(record: CsvScanner, window: Buffer): number {
    const encoders = this.#encoders;
    const count = encoders.length;
    const columns = this.#columns;
    const { fieldEnds } = record;
    const fields = this.#fields;
    const rows = this.#rows;
    const fieldBytes = count * encodedRoom(0) + record.contentEnd - record.start;
    rows.reserve(COUNT_BYTES + fieldBytes + this.#setBytes);
    const { out } = rows;
    let { at } = rows;
    out[at] = columns >>> 8;
    out[at + 1] = columns & 0xff;
    at += COUNT_BYTES;
    let start = record.start;
    for (let i = 0; i < count; i += 1) {
      const end = fieldEnds[i] as number;
      const encoder = encoders[i];
      if (encoder === undefined) {
        start = end + 1;
        continue;
      }
      if (fields.read(record, window, i, start, end)) {
        at = encoder.encode(fields.bytes, fields.start, fields.end, out, at);
      } else {
        // A length of -1; `fill` would take longer than the four bytes.
        out[at] = 0xff;
        out[at + 1] = 0xff;
        out[at + 2] = 0xff;
        out[at + 3] = 0xff;
        at += NULL_LENGTH_BYTES;
      }
      if (at < 0) {
        this.#failedField = i;
        return at;
      }
      start = end + 1;
    }
    if (this.#setBytes > 0) {
      at = this.#addSet(record.record, out, at);
      if (at < 0) return at;
    }
    rows.at = at;
    return at;
  }

  /** Why `add` has refused the record, which is still the scanner's current one. */
  refusal(record: CsvScanner, window: Buffer): Refusal & { readonly field: number } {
    const field = this.#failedField;
    const encoder = this.#encoders[field] as FieldEncoder;
    this.#fields.read(record, window, field, record.fieldStart(field), record.fieldEnd(field));
    return { field, ...encoder.refusal(this.#fields.text()) };
  }

  /** The rows since the last time; they stay untouched until the time after the next. */
  take(): Buffer {
    return this.#rows.take();
  }

  /** Forgets the rows since `take`. */
  discard(): void {
    this.#rows.discard();
  }

  #addSet(record: number, out: Buffer, to: number): number {
    let at = to;
    for (const value of this.#set) {
      if (Buffer.isBuffer(value)) {
        at += value.copy(out, at);
      } else {
        const end = this.#number.write(String(record));
        at = value.encode(this.#number, 0, end, out, at);
        // No field of the file is to blame: the server says what is wrong.
        if (at < 0) return ASK;
      }
    }
    return at;
  }
}

function encoded(value: string | null, encoder: FieldEncoder): Buffer {
  const form = encodeValue(value, encoder);
  if (Buffer.isBuffer(form)) return form;
  throw new CopylineError('INTERNAL', 'A value that is set has no binary form');
}

/** COPY BINARY of a single value; `ASK` or `REFUSE` when an encoder does not accept it. */
export function encodeValue(value: string | null, encoder: FieldEncoder): Buffer | number {
  if (value === null) return Buffer.alloc(NULL_LENGTH_BYTES, 0xff);
  const bytes = Buffer.from(value);
  const out = Buffer.alloc(encodedRoom(bytes.length));
  const end = encoder.encode(bytes, 0, bytes.length, out, 0);
  return end < 0 ? end : out.subarray(0, end);
}
