import { CopylineError } from '@copyline/contracts';

import { CsvScanner } from './scanner.ts';
import { blankLine, errorOf, invalidUtf8, nulByte, type ScanFault } from './scan-faults.ts';
import { LOOKAHEAD_BYTES, type ScannerOptions, type ScanPosition } from './scanning.ts';
import { invalidUtf8At } from './utf8.ts';

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** Of a search for a line end that may come in the next window. */
const NOT_YET = -1;

/** Bytes of the window that are no record to be stored. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** What becomes of records, good and bad. */
export interface RefusingHandlers {
  readonly onRecord: (scanner: CsvScanner) => void;
  /** Bytes of the window that belong to no good record, in their order. */
  readonly onDropped: (range: Range) => void;
  /**
   * A record is refused.
   *
   * @param raw its bytes with the line end, valid during the call only
   * @param isWhole false for a line beyond the size limit, of which `raw` is only the beginning
   */
  readonly onRefused: (fault: CopylineError, raw: Buffer, isWhole: boolean) => void;
}

/**
 * A scanner that does not end with the first fault of a file: the record is refused, and scanning
 * goes on behind it. That is the record's end where it is known (its fields are too many or too few,
 * a byte is not UTF-8), and the end of its first physical line where the quotes are broken.
 */
export class RefusingScanner {
  readonly scanner: CsvScanner;
  readonly #options: ScannerOptions;
  readonly #handlers: RefusingHandlers;
  #window: Buffer = Buffer.alloc(0);
  #to = 0;
  #isFinal = false;
  /** The next byte of the window that no record may hold. */
  #badByte = Infinity;
  /** Whether the rest of a line that was refused for its size is still to come. */
  #isSkipping = false;

  constructor(options: ScannerOptions, handlers: RefusingHandlers, position: ScanPosition) {
    this.#options = options;
    this.#handlers = handlers;
    this.scanner = new CsvScanner(
      { ...options, anyBytes: true },
      {
        onRecord: (record) => {
          if (record.end > this.#badByte) this.#refuseBadByte(record);
          else handlers.onRecord(record);
        },
        onBlankLine: handlers.onDropped,
      },
      position,
    );
  }

  /** As `CsvScanner.scan`, but for the faults. @throws what the handlers throw */
  scan(window: Buffer, from: number, to: number, final: boolean): number {
    this.#window = window;
    this.#to = to;
    this.#isFinal = final;
    let at = this.#isSkipping ? this.#skipRest(from) : from;
    this.#badByte = this.#nextBadByte(at);
    for (;;) {
      try {
        return at + this.scanner.scan(window, at, to, final) - from;
      } catch (error) {
        if (!(error instanceof CopylineError) || error !== this.scanner.fault) throw error;
        at = this.scanner.start;
        const end = this.#refuse(error, at);
        if (end === NOT_YET) return at - from;
        at = end;
        if (at > this.#badByte) this.#badByte = this.#nextBadByte(at);
      }
    }
  }

  /** @returns where to go on in the window, or `NOT_YET` when that is not known yet */
  #refuse(fault: CopylineError, start: number): number {
    const { scanner } = this;
    const blanks = scanner.takeBlankLines();
    if (blanks.first !== undefined) {
      // The record itself, which has shown that the blank lines are not the last ones, comes again.
      scanner.unread();
      const base = scanner.position.byteOffset - start;
      for (const { line, byteOffset, bytes } of blanks) {
        scanner.record += 1;
        const found = blankLine(byteOffset - base, this.#to, this.#options.fieldCount ?? 1);
        this.#handlers.onRefused(
          this.#errorOf(found, start, base, line),
          this.#blankLine(bytes),
          true,
        );
      }
      return start;
    }
    const isKnown = scanner.faultEnd >= 0;
    const end = isKnown ? scanner.faultEnd : this.#lineEndAfter(start);
    const { maxRecordBytes } = this.#options;
    if (end !== NOT_YET) {
      this.#drop(fault, start, end, true);
      scanner.skip(end - start, isKnown ? scanner.lineCount : 1);
      return end;
    }
    if (this.#to - start <= maxRecordBytes + LOOKAHEAD_BYTES) {
      scanner.unread();
      return NOT_YET;
    }
    this.#drop(fault, start, this.#to, false);
    scanner.skip(this.#to - start, 0);
    this.#isSkipping = true;
    return this.#to;
  }

  #drop(fault: CopylineError, start: number, end: number, isWhole: boolean): void {
    const rawEnd = isWhole ? end : Math.min(end, start + this.#options.maxRecordBytes);
    this.#handlers.onRefused(fault, this.#window.subarray(start, rawEnd), isWhole);
    this.#handlers.onDropped({ start, end });
  }

  #refuseBadByte(record: CsvScanner): void {
    const at = this.#badByte;
    const { start, end } = record;
    let field = 0;
    while (record.fieldEnd(field) <= at && field < record.fieldCount - 1) field += 1;
    const byte = this.#window[at] ?? 0;
    const excerptFrom = record.fieldStart(field);
    const found =
      byte === NUL ? nulByte(at, field, excerptFrom) : invalidUtf8(byte, at, field, excerptFrom);
    const base = record.position.byteOffset - start;
    this.#drop(this.#errorOf(found, start, base, record.line), start, end, true);
    this.#badByte = this.#nextBadByte(end);
  }

  #errorOf(found: ScanFault, start: number, base: number, line: number): CopylineError {
    const { columns } = this.#options;
    const { record } = this.scanner;
    return errorOf(found, {
      window: this.#window,
      to: this.#to,
      base,
      record,
      line,
      start,
      columns,
    });
  }

  /** The byte after the next line end, quoted or not. */
  #lineEndAfter(start: number): number {
    const window = this.#window.subarray(0, this.#to);
    const style = this.scanner.position.lineEnd;
    const lineFeed = style === 'cr' ? -1 : window.indexOf(LF, start);
    const carriageReturn = style === 'lf' ? -1 : window.indexOf(CR, start);
    const isLineFeed = lineFeed >= 0 && (carriageReturn < 0 || lineFeed <= carriageReturn + 1);
    const found = isLineFeed ? lineFeed : carriageReturn;
    // Of CRLF the second half may be in the next window.
    if (found >= 0 && (isLineFeed || found + 1 < this.#to || style === 'cr')) return found + 1;
    return this.#isFinal ? this.#to : NOT_YET;
  }

  /** The rest of a line that was refused. @returns where to go on */
  #skipRest(from: number): number {
    const { scanner } = this;
    const end = this.#lineEndAfter(from);
    this.#isSkipping = end === NOT_YET;
    const to = end === NOT_YET ? this.#to : end;
    this.#handlers.onDropped({ start: from, end: to });
    scanner.skip(to - from, end === NOT_YET ? 0 : 1);
    return to;
  }

  #blankLine(bytes: number): Buffer {
    if (bytes === 2) return Buffer.from('\r\n');
    return Buffer.from(this.scanner.position.lineEnd === 'cr' ? '\r' : '\n');
  }

  #nextBadByte(from: number): number {
    const rest = this.#window.subarray(from, this.#to);
    const nul = rest.indexOf(NUL);
    const invalid = invalidUtf8At(rest, this.#isFinal);
    return from + Math.min(nul < 0 ? Infinity : nul, invalid < 0 ? Infinity : invalid);
  }
}
