import type { DialectBytes } from './dialect.ts';

/** How records are scanned. */
export interface ScannerOptions {
  readonly dialect: DialectBytes;
  /** Fields that every record must have; `undefined` accepts any number. */
  readonly fieldCount?: number | undefined;
  /**
   * What a line without a single byte is. `record`: a record with one empty field. `skip`: nothing.
   * `trailing`: nothing after the last record, an error before it.
   */
  readonly blankLines: 'record' | 'skip' | 'trailing';
  /** A line of nothing but this byte is no record. */
  readonly padding?: number | undefined;
  /** A record is one physical line of the source, whatever line ends stand inside of its quotes. */
  readonly recordsAreLines?: boolean;
  /** A record of more bytes is refused. */
  readonly maxRecordBytes: number;
  /** NUL and bytes that are not UTF-8 are the caller's affair. Default: they are faults. */
  readonly anyBytes?: boolean;
  /** Names for error messages. */
  readonly columns?: readonly string[] | undefined;
}

/** Where a scanner stands: enough to go on from there with another one. */
export interface ScanPosition {
  /** Bytes before this place, in the decompressed source. */
  readonly byteOffset: number;
  /** Data records before this place. */
  readonly records: number;
  /** Physical lines before this place. */
  readonly lines: number;
  /** `undefined` until the first line end was seen. Only CR forbids the others. */
  readonly lineEnd: 'cr' | 'lf' | undefined;
}

/** Bytes behind a fault that may be needed to be sure of it: the rest of a character. */
export const LOOKAHEAD_BYTES = 4;

export const FILE_START: ScanPosition = {
  byteOffset: 0,
  records: 0,
  lines: 0,
  lineEnd: undefined,
};

/** How a record ends. `end` is the end of the file without a line end. */
export type LineEnd = 'lf' | 'crlf' | 'cr' | 'end';
