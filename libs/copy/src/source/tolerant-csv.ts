import type { CsvDialect } from '@copyline/contracts';

import { escapeOf, PADDING, scannedDialect } from '../csv/dialect.ts';
import type { ByteFeed } from './byte-feed.ts';

const BLOCK_BYTES = 128 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const INCOMPLETE = -1;

/** Whether a dialect has what the scanner does not read by itself. */
export function needsTolerance({ delimiter, comment, relaxedQuotes }: CsvDialect): boolean {
  return Buffer.byteLength(delimiter) > 1 || comment !== undefined || relaxedQuotes;
}

/**
 * Writes records of a wider dialect as the scanner reads them, line for line: comments and skipped
 * lines become padding, a delimiter of several characters becomes one, a field with a stray quote is
 * quoted as a whole, blanks around quotes are dropped where values are trimmed. Everything else stays
 * byte for byte, also what is wrong with it: that is for the scanner to find.
 */
export async function* normaliseCsv(
  feed: ByteFeed,
  dialect: CsvDialect,
  maxRecordBytes: number,
): AsyncGenerator<Buffer, void> {
  const writer = new TolerantWriter(dialect);
  let buffer: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let end = 0;
  for (;;) {
    end += await feed.read(buffer, end, buffer.length - end);
    const done = writer.write(buffer.subarray(0, end), feed.atEnd);
    yield writer.take();
    buffer.copyWithin(0, done, end);
    end -= done;
    if (feed.atEnd || end > maxRecordBytes) {
      // What is larger than a record may be is for the scanner to refuse.
      yield Buffer.from(buffer.subarray(0, end));
      if (feed.atEnd) return;
      end = 0;
    }
    if (end > buffer.length / 2) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)]);
  }
}

class TolerantWriter {
  readonly #delimiter: Buffer;
  readonly #scanned: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #comment: Buffer | undefined;
  readonly #isRelaxed: boolean;
  readonly #trims: boolean;
  #skipLines: number;
  #lineEnd: number | undefined;
  #pieces: Buffer[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #final = false;

  constructor(dialect: CsvDialect) {
    const { delimiter, quote, comment, relaxedQuotes, trim, skipLines } = dialect;
    this.#delimiter = Buffer.from(delimiter);
    this.#scanned = scannedDialect(dialect).delimiter.charCodeAt(0);
    this.#quote = quote.charCodeAt(0);
    this.#escape = escapeOf(dialect).charCodeAt(0);
    this.#comment = comment === undefined ? undefined : Buffer.from(comment);
    this.#isRelaxed = relaxedQuotes;
    this.#trims = trim !== 'none';
    this.#skipLines = skipLines;
  }

  /** @returns how many bytes whole records take up */
  write(buffer: Buffer, final: boolean): number {
    this.#buffer = buffer;
    this.#final = final;
    let done = 0;
    while (done < buffer.length) {
      const pieces = this.#pieces.length;
      const end = this.#line(done);
      if (end === INCOMPLETE) {
        this.#pieces.length = pieces;
        break;
      }
      done = end;
    }
    return done;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }

  #line(start: number): number {
    if (this.#skipLines > 0) {
      const end = this.#padding(start);
      if (end !== INCOMPLETE) this.#skipLines -= 1;
      return end;
    }
    if (this.#comment !== undefined) {
      if (!this.#final && start + this.#comment.length > this.#buffer.length) return INCOMPLETE;
      if (this.#startsWith(this.#comment, start)) return this.#padding(start);
    }
    return this.#record(start);
  }

  /** A line that is left out. */
  #padding(start: number): number {
    let p = start;
    while (p < this.#buffer.length && this.#lineEndAt(p) === 0) p += 1;
    const length = this.#lineEndAt(p);
    if (length === INCOMPLETE || (p >= this.#buffer.length && !this.#final)) return INCOMPLETE;
    this.#pieces.push(PADDING, this.#buffer.subarray(p, p + length));
    return p + length;
  }

  #record(start: number): number {
    const first = this.#pieces.length;
    let p = start;
    for (;;) {
      const end = this.#field(p);
      if (end === INCOMPLETE) return INCOMPLETE;
      const length = this.#lineEndAt(end);
      if (length === INCOMPLETE || (end >= this.#buffer.length && !this.#final)) return INCOMPLETE;
      if (end < this.#buffer.length && length === 0) {
        this.#pieces.push(Buffer.of(this.#scanned));
        p = end + this.#delimiter.length;
        continue;
      }
      if (this.#pieces.length === first + 1 && this.#pieces[first]?.equals(PADDING) === true) {
        this.#pieces[first] = this.#quoted(PADDING);
      }
      this.#pieces.push(this.#buffer.subarray(end, end + length));
      return end + length;
    }
  }

  /** @returns where the field ends: at a delimiter, a line end or the end of the file */
  #field(start: number): number {
    const buffer = this.#buffer;
    const open = this.#trims ? this.#skipBlanks(start) : start;
    if (open >= buffer.length && !this.#final) return INCOMPLETE;
    if (buffer[open] === this.#quote) {
      const closed = this.#closingQuote(open);
      if (closed === INCOMPLETE && !this.#final) return INCOMPLETE;
      if (closed !== INCOMPLETE) {
        const end = this.#trims ? this.#skipBlanks(closed) : closed;
        if (end >= buffer.length && !this.#final) return INCOMPLETE;
        const at = this.#fieldEndAt(end);
        if (at === INCOMPLETE) return INCOMPLETE;
        if (at > 0 || end >= buffer.length) {
          this.#pieces.push(buffer.subarray(open, closed));
          return end;
        }
        return this.#unquoted(start, closed);
      } else {
        // Never closed: the scanner says where it was opened.
        this.#pieces.push(buffer.subarray(open));
        return buffer.length;
      }
    }
    return this.#unquoted(start, start);
  }

  /** @param from where a delimiter or line end is looked for: behind quotes that did not end the field */
  #unquoted(start: number, from: number): number {
    const buffer = this.#buffer;
    let isAmbiguous = this.#isRelaxed && from > start;
    let p = from;
    for (; p < buffer.length; p += 1) {
      const at = this.#fieldEndAt(p);
      if (at === INCOMPLETE) return INCOMPLETE;
      if (at > 0) break;
      const byte = buffer[p];
      if (byte === this.#quote) isAmbiguous ||= this.#isRelaxed;
      else if (byte === this.#scanned && this.#delimiter.length > 1) isAmbiguous = true;
    }
    const text = this.#trims && isAmbiguous ? this.#trimmed(start, p) : buffer.subarray(start, p);
    this.#pieces.push(isAmbiguous ? this.#quoted(text) : text);
    return p;
  }

  /** @returns the byte after the closing quote, or INCOMPLETE */
  #closingQuote(open: number): number {
    const buffer = this.#buffer;
    for (let p = open + 1; p < buffer.length; p += 1) {
      const byte = buffer[p];
      if (byte !== this.#quote && byte !== this.#escape) continue;
      if (p + 1 >= buffer.length && !this.#final) return INCOMPLETE;
      const next = buffer[p + 1];
      if (byte === this.#escape && (next === this.#quote || next === this.#escape)) p += 1;
      else if (byte === this.#quote) return p + 1;
    }
    return INCOMPLETE;
  }

  /** @returns the length of the delimiter or line end at a place, 0 for none */
  #fieldEndAt(p: number): number {
    if (this.#buffer[p] === this.#delimiter[0]) {
      if (!this.#final && p + this.#delimiter.length > this.#buffer.length) return INCOMPLETE;
      if (this.#startsWith(this.#delimiter, p)) return this.#delimiter.length;
    }
    return this.#lineEndAt(p);
  }

  /** @returns the length of the line end at a place, 0 for none; the first one decides what the others are */
  #lineEndAt(p: number): number {
    const buffer = this.#buffer;
    const byte = buffer[p];
    if (byte !== LF && byte !== CR) return 0;
    if (byte === LF) {
      this.#lineEnd ??= LF;
      return this.#lineEnd === LF ? 1 : 0;
    }
    if (p + 1 >= buffer.length && !this.#final) return INCOMPLETE;
    const isPair = buffer[p + 1] === LF;
    this.#lineEnd ??= isPair ? LF : CR;
    if (this.#lineEnd === CR) return 1;
    return isPair ? 2 : 0;
  }

  #quoted(text: Buffer): Buffer {
    const bytes = [this.#quote];
    for (const byte of text) {
      if (byte === this.#quote || byte === this.#escape) bytes.push(this.#escape);
      bytes.push(byte);
    }
    return Buffer.from([...bytes, this.#quote]);
  }

  #trimmed(start: number, end: number): Buffer {
    const from = this.#skipBlanks(start);
    let to = end;
    while (to > from && isBlank(this.#buffer[to - 1])) to -= 1;
    return this.#buffer.subarray(from, to);
  }

  #skipBlanks(start: number): number {
    let p = start;
    while (p < this.#buffer.length && isBlank(this.#buffer[p]) && !this.#isDelimiter(p)) p += 1;
    return p;
  }

  #isDelimiter(p: number): boolean {
    return this.#buffer[p] === this.#delimiter[0] && this.#startsWith(this.#delimiter, p);
  }

  #startsWith(bytes: Buffer, at: number): boolean {
    return (
      at + bytes.length <= this.#buffer.length &&
      bytes.equals(this.#buffer.subarray(at, at + bytes.length))
    );
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}
