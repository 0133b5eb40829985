import type { CsvScanner } from '../csv/scanner.ts';
import { copyBytes } from '../encode/index.ts';
import type { RowLayout } from './row-layout.ts';

const TAB = 0x09;
const SPACE = 0x20;

const [NONE, UNQUOTED, ALL] = [0, 1, 2];
const TRIMS = { none: NONE, unquoted: UNQUOTED, all: ALL } as const;

/** What the scanner's fields hold: quotes and escapes resolved, blanks trimmed, NULL told from values. */
export class FieldReader {
  /** What the last field that was read holds: `bytes[start…end)`. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly #quote: number;
  readonly #escape: number;
  /** For each field, the unquoted texts that are NULL; the first of them apart, as a rule the only one. */
  readonly #nullMarkers: readonly Buffer[];
  readonly #moreMarkers: readonly (readonly Buffer[])[];
  /** For each field `NONE`, `UNQUOTED` or `ALL`; `undefined` where no field is trimmed. */
  readonly #trims: Uint8Array | undefined;
  /** The content of a field that has escapes. */
  #unescaped: Buffer = Buffer.alloc(0);

  constructor({ dialect, fields }: RowLayout) {
    this.#quote = dialect.quote;
    this.#escape = dialect.escape;
    const markers = fields.map((field) => (field?.nulls ?? ['']).map((text) => Buffer.from(text)));
    this.#nullMarkers = markers.map(([first = Buffer.alloc(0)]) => first);
    this.#moreMarkers = markers.map(([, ...more]) => more);
    const trims = fields.map((field) => TRIMS[field?.trim ?? 'none']);
    this.#trims = trims.some((trim) => trim !== NONE) ? Uint8Array.from(trims) : undefined;
  }

  /**
   * Reads a field of the scanner's current record, which lies at `window[start…end)`.
   *
   * @returns false when it is NULL
   */
  read(record: CsvScanner, window: Buffer, field: number, start: number, end: number): boolean {
    if (start < end && window[start] === this.#quote) {
      if (record.lastEscape > start && record.firstEscape < end) {
        const { firstEscape, lastEscape } = record;
        this.#unescape(window, start + 1, end - 1, firstEscape, lastEscape);
      } else {
        this.bytes = window;
        this.start = start + 1;
        this.end = end - 1;
      }
      if (this.#trims?.[field] === ALL) this.#trim();
      return true;
    }
    this.bytes = window;
    this.start = start;
    this.end = end;
    if (this.#trims !== undefined && this.#trims[field] !== NONE) this.#trim();
    return !this.#isNull(field);
  }

  /** The last field that was read. */
  text(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }

  #isNull(field: number): boolean {
    if (this.#isMarker(this.#nullMarkers[field] as Buffer)) return true;
    const more = this.#moreMarkers[field] as readonly Buffer[];
    return more.length > 0 && more.some((marker) => this.#isMarker(marker));
  }

  #isMarker(marker: Buffer): boolean {
    const { bytes, start } = this;
    if (this.end - start !== marker.length) return false;
    for (let i = 0; i < marker.length; i += 1) if (bytes[start + i] !== marker[i]) return false;
    return true;
  }

  #trim(): void {
    const { bytes } = this;
    while (this.start < this.end && isBlank(bytes[this.start])) this.start += 1;
    while (this.start < this.end && isBlank(bytes[this.end - 1])) this.end -= 1;
  }

  /** Only between the first and the last escape of the record are its bytes looked at. */
  #unescape(window: Buffer, start: number, end: number, first: number, last: number): void {
    const quote = this.#quote;
    const escape = this.#escape;
    if (this.#unescaped.length < end - start) this.#unescaped = Buffer.allocUnsafeSlow(end - start);
    const out = this.#unescaped;
    let p = Math.max(start, first);
    let length = copyBytes(window, start, p, out, 0);
    const stop = Math.min(end - 1, last + 1);
    while (p < stop) {
      if (window[p] === escape) {
        const next = window[p + 1];
        if (next === quote || next === escape) p += 1;
      }
      out[length] = window[p] as number;
      length += 1;
      p += 1;
    }
    this.bytes = out;
    this.start = 0;
    this.end = copyBytes(window, p, end, out, length);
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}
