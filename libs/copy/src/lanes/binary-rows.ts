import type { DialectBytes } from '../csv/dialect.ts';
import type { CsvScanner } from '../csv/scanner.ts';
import { encodedRoom, type FieldEncoder, type Refusal } from '../encode/index.ts';

/** Two bytes that count the fields come before them. */
const COUNT_BYTES = 2;
const NULL_LENGTH_BYTES = 4;
/** Rows of one window of the reader, as a rule; grown where they take more. */
const FIRST_BYTES = 512 * 1024;

/**
 * Source: PostgreSQL, "COPY, Binary Format": signature, no flags, no extension; and a field count of
 * -1 at the end.
 */
export const BINARY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const BINARY_TRAILER = Buffer.from([0xff, 0xff]);

/**
 * Makes rows of COPY BINARY of the scanner's records.
 *
 * The hot loop of a load: no string, no allocation and no call but the encoder's for a field.
 */
export class BinaryRows {
  readonly #encoders: readonly FieldEncoder[];
  readonly #quote: number;
  readonly #escape: number;
  readonly #nullMarker: Buffer;
  /** The rows since `take`, and a buffer that is on its way to the server meanwhile. */
  #out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #other: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;
  #failedField = -1;
  /** The content of a field that has escapes. */
  #unescaped: Buffer = Buffer.alloc(0);

  constructor(encoders: readonly FieldEncoder[], dialect: DialectBytes, nullMarker: string) {
    this.#encoders = encoders;
    this.#quote = dialect.quote;
    this.#escape = dialect.escape;
    this.#nullMarker = Buffer.from(nullMarker);
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
    const quote = this.#quote;
    const before = this.#at;
    this.#reserve(COUNT_BYTES + count * encodedRoom(0) + record.contentEnd - record.start);
    const out = this.#out;
    let at = before;
    out[at] = count >>> 8;
    out[at + 1] = count & 0xff;
    at += COUNT_BYTES;
    let start = record.start;
    for (let i = 0; i < count; i += 1) {
      const end = fieldEnds[i] as number;
      const encoder = encoders[i] as FieldEncoder;
      if (start < end && window[start] === quote) {
        at = record.hasEscapes
          ? this.#encodeEscaped(encoder, window, start + 1, end - 1, at)
          : encoder.encode(window, start + 1, end - 1, out, at);
      } else if (this.#isNull(window, start, end)) {
        // A length of -1; `fill` would take longer than the four bytes.
        out[at] = 0xff;
        out[at + 1] = 0xff;
        out[at + 2] = 0xff;
        out[at + 3] = 0xff;
        at += NULL_LENGTH_BYTES;
      } else {
        at = encoder.encode(window, start, end, out, at);
      }
      if (at < 0) {
        this.#failedField = i;
        return at;
      }
      start = end + 1;
    }
    this.#at = at;
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
    const rows = this.#out.subarray(0, this.#at);
    [this.#out, this.#other] = [this.#other, this.#out];
    this.#at = 0;
    return rows;
  }

  /** Forgets the rows since `take`. */
  discard(): void {
    this.#at = 0;
  }

  #isNull(window: Buffer, start: number, end: number): boolean {
    const marker = this.#nullMarker;
    if (end - start !== marker.length) return false;
    for (let i = 0; i < marker.length; i += 1) if (window[start + i] !== marker[i]) return false;
    return true;
  }

  #encodeEscaped(
    encoder: FieldEncoder,
    window: Buffer,
    start: number,
    end: number,
    at: number,
  ): number {
    const length = this.#unescape(window, start, end);
    return encoder.encode(this.#unescaped, 0, length, this.#out, at);
  }

  /** @returns the length of what `#unescaped` begins with */
  #unescape(window: Buffer, start: number, end: number): number {
    const [quote, escape] = [this.#quote, this.#escape];
    if (this.#unescaped.length < end - start) this.#unescaped = Buffer.allocUnsafeSlow(end - start);
    const out = this.#unescaped;
    let length = 0;
    let p = start;
    while (p < end) {
      let byte = window[p] as number;
      if (byte === escape && p + 1 < end) {
        const next = window[p + 1] as number;
        if (next === quote || next === escape) {
          byte = next;
          p += 1;
        }
      }
      out[length] = byte;
      length += 1;
      p += 1;
    }
    return length;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#out.length * 2));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}
