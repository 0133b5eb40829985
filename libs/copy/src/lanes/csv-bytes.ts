import type { CsvScanner } from '../csv/scanner.ts';
import type { ServerLines } from '../csv/server-lines.ts';

const LINE_END_BYTES = { lf: Buffer.from('\n'), crlf: Buffer.from('\r\n'), cr: Buffer.from('\r') };
const BACKSLASH = 0x5c;
const DOT = 0x2e;

/**
 * The bytes of a window as COPY … (FORMAT csv) gets them: as they are, but for three things that the
 * server would read differently.
 *
 * - A record `\.`, which servers before version 18 take for the end of the data, is sent quoted.
 * - A line end unlike the first one of the COPY, which the server refuses, is sent as the first one.
 * - Blank lines that are no records are left out.
 */
export class CsvBytes {
  serverLines!: ServerLines;
  readonly #quote: Buffer;
  #buffer: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  /** Bytes of `#pieces`. */
  #replaced = 0;
  /** First byte of the window that is in no piece yet. */
  #from = 0;

  constructor(quote: number) {
    this.#quote = Buffer.from([quote]);
  }

  /** A COPY begins with the next record. */
  begin(serverLines: ServerLines): void {
    this.serverLines = serverLines;
  }

  /** A window begins. */
  window(buffer: Buffer, from: number): void {
    this.#buffer = buffer;
    this.#pieces = [];
    this.#replaced = 0;
    this.#from = from;
  }

  onRecord(record: CsvScanner): void {
    const { start, contentEnd, end } = record;
    if (
      contentEnd - start === 2 &&
      this.#buffer[start] === BACKSLASH &&
      this.#buffer[start + 1] === DOT
    ) {
      // One field, or two when the delimiter is one of the characters: then one of them is empty.
      const field = record.fieldEnd(0) > start ? 0 : 1;
      this.#replace(record.fieldStart(field), record.fieldStart(field), this.#quote);
      this.#replace(record.fieldEnd(field), record.fieldEnd(field), this.#quote);
    }
    this.serverLines.add(record);
    const { lineEnd } = this.serverLines;
    if (
      record.lineEnd !== lineEnd &&
      record.lineEnd !== 'end' &&
      lineEnd !== undefined &&
      lineEnd !== 'end'
    ) {
      this.#replace(contentEnd, end, LINE_END_BYTES[lineEnd]);
    }
  }

  /** Bytes that are no record of the COPY. */
  drop({ start, end }: { readonly start: number; readonly end: number }): void {
    this.#replace(start, end, undefined);
  }

  /** Where in the result a byte of the window comes to stand that nothing was replaced behind. */
  placeOf(at: number): number {
    return this.#replaced + at - this.#from;
  }

  /** What to send of the window up to `to`: the window itself where nothing was replaced. */
  result(to: number): Buffer {
    const rest = this.#buffer.subarray(this.#from, to);
    return this.#pieces.length === 0 ? rest : Buffer.concat([...this.#pieces, rest]);
  }

  #replace(from: number, to: number, bytes: Buffer | undefined): void {
    this.#pieces.push(this.#buffer.subarray(this.#from, from));
    if (bytes !== undefined) this.#pieces.push(bytes);
    this.#replaced += from - this.#from + (bytes?.length ?? 0);
    this.#from = to;
  }
}
