import type { DialectBytes } from './dialect.ts';
import { unescapeField } from './field-text.ts';
import type { LineEnd } from './scanning.ts';

/** The place of an escape in a record that has none. */
export const NOWHERE = -1;

/** The record that a scanner has come to, and where its fields are in the window. */
export class CurrentRecord {
  /** Number of the record, from 1. */
  record = 0;
  /** Physical line on which the record starts, from 1. */
  line = 1;
  /** First byte of the record and the byte after its last field, in the window. */
  start = 0;
  contentEnd = 0;
  /** The byte after the record's line end. */
  end = 0;
  lineEnd: LineEnd = 'end';
  /** Physical lines that the record takes up. */
  lineCount = 1;
  fieldCount = 0;
  /** Where each field of the record ends in the window; the next one begins a byte later. */
  fieldEnds = new Int32Array(64);
  /** Where the first and the last escape of the record are: between them there may be more. */
  firstEscape = NOWHERE;
  lastEscape = NOWHERE;
  /** Line feeds and carriage returns inside quotes, in all records so far. */
  quotedLineFeeds = 0;
  quotedCarriageReturns = 0;
  readonly #dialect: DialectBytes;

  constructor(dialect: DialectBytes) {
    this.#dialect = dialect;
  }

  /** First byte of a field of the current record in the window, its quote included. */
  fieldStart(index: number): number {
    return index === 0 ? this.start : (this.fieldEnds[index - 1] as number) + 1;
  }

  /** The byte after a field of the current record, its quote included. */
  fieldEnd(index: number): number {
    return this.fieldEnds[index] as number;
  }

  /** A field of the current record as text, quotes and escapes resolved. */
  fieldText(window: Buffer, index: number): string {
    const start = this.fieldStart(index);
    const end = this.fieldEnd(index);
    if (!this.isQuoted(window, index)) return window.toString('utf8', start, end);
    const inner = window.toString('utf8', start + 1, end - 1);
    const { quote, escape } = this.#dialect;
    return unescapeField(inner, String.fromCharCode(quote), String.fromCharCode(escape));
  }

  /** Whether a field of the current record is quoted. */
  isQuoted(window: Buffer, index: number): boolean {
    const start = this.fieldStart(index);
    return start < this.contentEnd && window[start] === this.#dialect.quote;
  }
}
