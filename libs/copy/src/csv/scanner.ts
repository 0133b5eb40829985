import type { CopylineError } from '@copyline/contracts';

import { BlankLines } from './blank-lines.ts';
import { CurrentRecord, NOWHERE } from './current-record.ts';
import { byteFault, countFault, unclosedFault } from './record-faults.ts';
import {
  blankLine,
  errorOf,
  invalidUtf8,
  recordTooLarge,
  strayLineEnd,
  textAfterQuote,
  type ScanFault,
} from './scan-faults.ts';
import { FILE_START, LOOKAHEAD_BYTES, type ScannerOptions, type ScanPosition } from './scanning.ts';
import { invalidUtf8At } from './utf8.ts';
import { firstFlagged, flagsOf, flagsOfControls, repeated, WORD_BYTES, wordsOf } from './words.ts';

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** Why a scan stopped inside a record. */
const INCOMPLETE = -1;
const UNKNOWN = -1;

/**
 * Finds the records and fields of a CSV file in a window of bytes, without making a string of
 * anything. The grammar is strict: a quote stands at both ends of a field or nowhere in it.
 *
 * The caller hands over windows that begin at a record's first byte; the scanner reports every
 * complete record of the window through `onRecord` and says how far it came. While `onRecord` runs,
 * the fields of `this` describe the record.
 *
 * Speed: four bytes at a time (see `words.ts`), a sentinel behind the window
 * instead of a bounds check, no call per field. That is 200 to 350 MB/s on the machine on which the
 * server stores 20 to 26 MB/s (`node bench/scanner.mjs`, docs/benchmarks.md): the server is the
 * limit, by far.
 */
export class CsvScanner extends CurrentRecord {
  /** What `scan` has thrown, and the byte after the record where its end was known all the same. */
  fault: CopylineError | undefined;
  faultEnd = UNKNOWN;

  readonly #options: ScannerOptions;
  /** Bytes that end the inner loop outside and inside quotes. */
  readonly #plainStops = new Uint8Array(256);
  readonly #quotedStops = new Uint8Array(256);
  /** Four bytes at a time: see `words.ts`. */
  readonly #delimiters: number;
  readonly #quotes: number;
  readonly #escapes: number;
  #words = wordsOf(Buffer.alloc(0));
  readonly #onRecord: (scanner: CsvScanner) => void;
  readonly #onBlankLine: (scanner: CsvScanner) => void;
  /** File offset of the next record, and of the window's byte 0. */
  #offset: number;
  #base = 0;
  #style: ScanPosition['lineEnd'];
  #blanks = new BlankLines();
  /** The byte after the current window, and whether what stands there is known to be a fault. */
  #to = 0;
  #cutByFault = false;
  /** The quote of the field that the scan is in, or -1. */
  #openQuote = -1;

  constructor(
    options: ScannerOptions,
    handlers: {
      readonly onRecord: (scanner: CsvScanner) => void;
      /** A line that is no record: `start` and `end` are its bounds. */
      readonly onBlankLine?: (scanner: CsvScanner) => void;
    },
    position: ScanPosition = FILE_START,
  ) {
    super(options.dialect);
    this.#options = options;
    this.#onRecord = handlers.onRecord;
    this.#onBlankLine = handlers.onBlankLine ?? ((): void => undefined);
    this.#offset = position.byteOffset;
    this.record = position.records;
    this.line = position.lines + 1;
    this.#style = position.lineEnd;
    const { delimiter, quote, escape } = options.dialect;
    this.#delimiters = repeated(delimiter);
    this.#quotes = repeated(quote);
    this.#escapes = repeated(escape);
    const control = options.anyBytes === true ? [LF, CR] : [LF, CR, NUL];
    for (const byte of [delimiter, quote, ...control]) this.#plainStops[byte] = 1;
    for (const byte of [quote, escape, ...control]) this.#quotedStops[byte] = 1;
  }

  /** Where the next record begins; while `onRecord` runs, where the current one does. */
  get position(): ScanPosition {
    return {
      byteOffset: this.#offset,
      records: this.record,
      lines: this.line - 1,
      lineEnd: this.#style,
    };
  }

  /**
   * Scans `window[from…to)`. `window[to]` must exist: it holds the sentinel meanwhile.
   *
   * @param final whether the file ends at `to`
   * @returns the number of bytes that complete records take up; the rest belongs to the next window
   * @throws CopylineError with the place of the first fault of the file
   */
  scan(window: Buffer, from: number, to: number, final: boolean): number {
    this.#base = this.#offset - from;
    this.#to = to;
    this.#words = wordsOf(window);
    this.fault = undefined;
    const invalid =
      this.#options.anyBytes === true ? -1 : invalidUtf8At(window.subarray(from, to), final);
    this.#cutByFault = invalid >= 0;
    const limit = invalid < 0 ? to : from + invalid;
    const done = this.#scanRecords(window, from, limit, final && invalid < 0);
    if (invalid >= 0) throw this.#utf8Fault(window, done, limit);
    if (to - done > this.#options.maxRecordBytes + LOOKAHEAD_BYTES) {
      this.record += 1;
      throw this.#fault(window, this.#tooLarge(window));
    }
    return done - from;
  }

  /**
   * Goes on behind what was refused.
   *
   * @param lines physical lines that are refused with the bytes
   */
  skip(bytes: number, lines: number): void {
    this.#offset += bytes;
    this.line += lines;
  }

  /** Goes back before the record that `scan` has thrown `fault` for. */
  unread(): void {
    this.record -= 1;
  }

  /** The blank lines before the record that `scan` has thrown `fault` for: not again. */
  takeBlankLines(): BlankLines {
    const blanks = this.#blanks;
    this.#blanks = new BlankLines();
    return blanks;
  }

  #scanRecords(window: Buffer, from: number, to: number, final: boolean): number {
    const sentinel = window[to] as number;
    window[to] = LF;
    try {
      let done = from;
      while (done < to) {
        const [lineFeeds, carriageReturns] = [this.quotedLineFeeds, this.quotedCarriageReturns];
        this.record += 1;
        const end = this.#scanRecord(window, done, to, final);
        if (end === INCOMPLETE) {
          this.record -= 1;
          this.quotedLineFeeds = lineFeeds;
          this.quotedCarriageReturns = carriageReturns;
          break;
        }
        this.end = end;
        const inQuotes =
          this.#style === 'cr'
            ? this.quotedCarriageReturns - carriageReturns
            : this.quotedLineFeeds - lineFeeds;
        this.lineCount = this.#options.recordsAreLines === true ? 1 : 1 + inQuotes;
        this.#deliver(window);
        this.line += this.lineCount;
        this.#offset = this.#base + end;
        done = end;
      }
      return done;
    } finally {
      window[to] = sentinel;
    }
  }

  /** @returns the byte after the record's line end, or `INCOMPLETE`. */
  #scanRecord(window: Buffer, start: number, to: number, final: boolean): number {
    const { delimiter, quote } = this.#options.dialect;
    const stops = this.#plainStops;
    const words = this.#words;
    const lastWord = window.length - WORD_BYTES;
    const delimiters = this.#delimiters;
    const quotes = this.#quotes;
    let ends = this.fieldEnds;
    let field = 0;
    let p = start;
    this.start = start;
    this.firstEscape = NOWHERE;
    this.lastEscape = NOWHERE;
    this.#openQuote = -1;
    for (;;) {
      let byte = window[p] as number;
      if (byte === quote && p < to) {
        this.fieldCount = field + 1;
        p = this.#scanQuoted(window, p, to, final);
        if (p === INCOMPLETE) return INCOMPLETE;
        this.#openQuote = -1;
        byte = window[p] as number;
      } else {
        do {
          while (p <= lastWord) {
            const word = words.getInt32(p, true);
            const flags = flagsOf(word, delimiters) | flagsOf(word, quotes) | flagsOfControls(word);
            if (flags !== 0) {
              p += firstFlagged(flags);
              break;
            }
            p += WORD_BYTES;
          }
          byte = window[p] as number;
          p += 1;
        } while (stops[byte] === 0);
        p -= 1;
      }
      if (field === ends.length) ends = this.#growFields();
      ends[field] = p;
      field += 1;
      // The sentinel is a line feed: the loop ends here at the end of the window, too.
      if (byte !== delimiter || p >= to) break;
      p += 1;
    }
    this.fieldCount = field;
    this.contentEnd = p;
    if (p >= to) {
      this.lineEnd = 'end';
      return final ? to : INCOMPLETE;
    }
    return this.#endRecord(window, p, to, final);
  }

  #deliver(window: Buffer): void {
    const { blankLines, fieldCount, maxRecordBytes, padding } = this.#options;
    if (this.contentEnd - this.start === 1 && window[this.start] === padding) {
      this.record -= 1;
      return;
    }
    if (this.contentEnd === this.start && blankLines !== 'record') {
      this.record -= 1;
      if (blankLines === 'trailing') {
        this.#blanks.add(this.line, this.#base + this.start, this.end - this.start);
      }
      this.#onBlankLine(this);
      return;
    }
    if (
      this.#blanks.first !== undefined ||
      this.end - this.start > maxRecordBytes ||
      (fieldCount !== undefined && this.fieldCount !== fieldCount)
    ) {
      throw this.#fault(window, countFault(this, window, fieldCount ?? this.fieldCount), this.end);
    }
    this.#onRecord(this);
  }

  /** @returns the byte after the closing quote: a delimiter, a line end or the end of the file. */
  #scanQuoted(window: Buffer, open: number, to: number, final: boolean): number {
    const { quote, escape } = this.#options.dialect;
    const stops = this.#quotedStops;
    const words = this.#words;
    const lastWord = window.length - WORD_BYTES;
    const quotes = this.#quotes;
    const escapes = this.#escapes;
    this.#openQuote = open;
    let p = open + 1;
    for (;;) {
      while (p <= lastWord) {
        const word = words.getInt32(p, true);
        const flags = flagsOf(word, quotes) | flagsOf(word, escapes) | flagsOfControls(word);
        if (flags !== 0) {
          p += firstFlagged(flags);
          break;
        }
        p += WORD_BYTES;
      }
      const byte = window[p] as number;
      if (stops[byte] === 0) {
        p += 1;
        continue;
      }
      if (p >= to) {
        if (!final) return INCOMPLETE;
        throw this.#fault(window, unclosedFault(this, window, open, to, this.#style));
      }
      if (byte === LF) {
        this.quotedLineFeeds += 1;
      } else if (byte === CR) {
        this.quotedCarriageReturns += 1;
      } else if (byte === NUL) {
        throw this.#fault(window, byteFault(this, window, p));
      } else {
        if (p + 1 >= to && !final && !this.#cutByFault) return INCOMPLETE;
        const next = p + 1 < to ? window[p + 1] : undefined;
        if (byte === escape && (next === quote || next === escape)) {
          if (this.firstEscape === NOWHERE) this.firstEscape = p;
          this.lastEscape = p;
          p += 1;
        } else if (byte === quote) return this.#endQuoted(window, p + 1, to);
      }
      p += 1;
    }
  }

  #endQuoted(window: Buffer, p: number, to: number): number {
    const after = window[p];
    const isEnd =
      p < to
        ? after === this.#options.dialect.delimiter || after === LF || after === CR
        : !this.#cutByFault;
    if (isEnd) return p;
    throw this.#fault(window, textAfterQuote(p, this.fieldCount - 1, this.#openQuote));
  }

  /** @returns the byte after the line end at `p`. */
  #endRecord(window: Buffer, p: number, to: number, final: boolean): number {
    const byte = window[p];
    if (byte === LF && this.#style === 'lf') {
      this.lineEnd = 'lf';
      return p + 1;
    }
    if (byte !== LF && byte !== CR) throw this.#fault(window, byteFault(this, window, p));
    if (byte === CR && p + 1 >= to && !final && !this.#cutByFault) return INCOMPLETE;
    this.lineEnd = byte === LF ? 'lf' : p + 1 < to && window[p + 1] === LF ? 'crlf' : 'cr';
    const style = this.lineEnd === 'cr' ? 'cr' : 'lf';
    this.#style ??= style;
    if (this.#style !== style) {
      throw this.#fault(window, strayLineEnd(p, this.fieldCount - 1, this.#style));
    }
    return this.lineEnd === 'crlf' ? p + 2 : p + 1;
  }

  // — faults —

  /**
   * The error to throw for a fault of the current record. However the file is cut into windows, it
   * is the same: a blank line before the record comes first, then the record's size, then the rest.
   */
  #fault(window: Buffer, found: ScanFault, end = UNKNOWN): CopylineError {
    const { columns, maxRecordBytes, fieldCount = this.fieldCount } = this.#options;
    const { record, line, start } = this;
    const site = { window, to: this.#to, base: this.#base, record, line, start, columns };
    const blank = this.#blanks.first;
    const reach = found.reach ?? found.at;
    this.faultEnd = end;
    if (blank !== undefined) {
      const fault = blankLine(blank.byteOffset - this.#base, this.#to, fieldCount);
      this.fault = errorOf(fault, { ...site, line: blank.line });
    } else {
      this.fault = errorOf(reach - start < maxRecordBytes ? found : this.#tooLarge(window), site);
    }
    return this.fault;
  }

  #utf8Fault(window: Buffer, start: number, at: number): CopylineError {
    this.record += 1;
    // With no byte of the record before it, the scan has not come to the record yet.
    const field = at === start ? 0 : this.fieldCount - 1;
    this.start = start;
    const byte = window[at] ?? 0;
    return this.#fault(window, invalidUtf8(byte, at, field, this.fieldStart(field)));
  }

  /** Looks again at as much of the record as is allowed, for a quote that is open at its end. */
  #tooLarge(window: Buffer): ScanFault {
    const { maxRecordBytes } = this.#options;
    const limit = this.start + maxRecordBytes;
    const { start } = this;
    const sentinel = window[limit] as number;
    this.#cutByFault = false;
    window[limit] = LF;
    this.#scanRecord(window, start, limit, false);
    window[limit] = sentinel;
    return recordTooLarge(maxRecordBytes, start, this.#openQuote);
  }

  #growFields(): Int32Array<ArrayBuffer> {
    const larger = new Int32Array(this.fieldEnds.length * 2);
    larger.set(this.fieldEnds);
    this.fieldEnds = larger;
    return larger;
  }
}
