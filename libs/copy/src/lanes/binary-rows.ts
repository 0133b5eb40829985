import type { DialectBytes } from '../csv/dialect.ts';
import type { CsvScanner } from '../csv/scanner.ts';
import { encodedRoom, type FieldEncoder, type Refusal } from '../encode/index.ts';
import { FieldReader } from './field-reader.ts';
import { RowBuffer } from './row-buffer.ts';

/** Two bytes that count the fields come before them. */
const COUNT_BYTES = 2;
const NULL_LENGTH_BYTES = 4;

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
  readonly #encoders: readonly FieldEncoder[];
  readonly #fields: FieldReader;
  readonly #rows = new RowBuffer();
  #failedField = -1;

  constructor(encoders: readonly FieldEncoder[], dialect: DialectBytes, nullMarker: string) {
    this.#encoders = encoders;
    this.#fields = new FieldReader(dialect, nullMarker);
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
    const { fieldEnds } = record;
    const fields = this.#fields;
    const rows = this.#rows;
    rows.reserve(COUNT_BYTES + count * encodedRoom(0) + record.contentEnd - record.start);
    const { out } = rows;
    let { at } = rows;
    out[at] = count >>> 8;
    out[at + 1] = count & 0xff;
    at += COUNT_BYTES;
    let start = record.start;
    for (let i = 0; i < count; i += 1) {
      const end = fieldEnds[i] as number;
      const encoder = encoders[i] as FieldEncoder;
      if (fields.read(record, window, start, end)) {
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
    rows.at = at;
    return at;
  }

  /** Why `add` has refused the record, which is still the scanner's current one. */
  refusal(record: CsvScanner, window: Buffer): Refusal & { readonly field: number } {
    const field = this.#failedField;
    const encoder = this.#encoders[field] as FieldEncoder;
    return { field, ...encoder.refusal(record.fieldText(window, field)) };
  }

  /** The rows since the last time; they stay untouched until the time after the next. */
  take(): Buffer {
    return this.#rows.take();
  }

  /** Forgets the rows since `take`. */
  discard(): void {
    this.#rows.discard();
  }
}
