import type { DialectBytes } from '../csv/dialect.ts';
import type { CsvScanner } from '../csv/scanner.ts';

/** The content of the scanner's fields: without quotes and escapes, NULL told from values. */
export class FieldReader {
  /** What the last field that was read holds: `bytes[start…end)`. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly #quote: number;
  readonly #escape: number;
  readonly #nullMarker: Buffer;
  /** The content of a field that has escapes. */
  #unescaped: Buffer = Buffer.alloc(0);

  constructor(dialect: DialectBytes, nullMarker: string) {
    this.#quote = dialect.quote;
    this.#escape = dialect.escape;
    this.#nullMarker = Buffer.from(nullMarker);
  }

  /**
   * Reads a field of the scanner's current record that lies at `window[start…end)`.
   *
   * @returns false when it is NULL
   */
  read(record: CsvScanner, window: Buffer, start: number, end: number): boolean {
    if (start < end && window[start] === this.#quote) {
      if (record.hasEscapes) {
        this.#unescape(window, start + 1, end - 1);
      } else {
        this.bytes = window;
        this.start = start + 1;
        this.end = end - 1;
      }
      return true;
    }
    this.bytes = window;
    this.start = start;
    this.end = end;
    return !this.#isNull(window, start, end);
  }

  #isNull(window: Buffer, start: number, end: number): boolean {
    const marker = this.#nullMarker;
    if (end - start !== marker.length) return false;
    for (let i = 0; i < marker.length; i += 1) if (window[start + i] !== marker[i]) return false;
    return true;
  }

  #unescape(window: Buffer, start: number, end: number): void {
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
    this.bytes = out;
    this.start = 0;
    this.end = length;
  }
}
