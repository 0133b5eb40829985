import type { CsvDialect } from '@copyline/contracts';

import type { LocalFile } from '../source/local-file.ts';
import { WindowReader, type Window } from '../source/window-reader.ts';
import { CsvScanner, type ScannerOptions, type ScanPosition } from './scanner.ts';
import { surelyIs } from './sure-types.ts';

/** The types that `--create` may choose; text wherever another type might alter a value. */
export type ColumnType =
  'bigint' | 'numeric' | 'boolean' | 'date' | 'timestamp' | 'timestamptz' | 'uuid' | 'text';

/**
 * What a spelling must look like for a type to give it back character by character, or, for
 * timestamps, without loss. Numbers with leading zeros or a plus sign are identifiers: text.
 */
const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const DECIMAL = /^-?(?:0|[1-9]\d{0,99})(?:\.\d{1,100})?$/;
const UUID = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[ T]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?$/;
const MAX_BIGINT = 2n ** 63n - 1n;

/** The type of one spelling, the narrowest first. */
export function typeOf(text: string): ColumnType {
  if (text === 'true' || text === 'false') return 'boolean';
  const first = text.charCodeAt(0);
  const mayBeNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
  if (mayBeNumber) {
    if (INTEGER.test(text)) return fitsBigint(text) ? 'bigint' : 'numeric';
    // -0 and -0.00 lose their sign.
    if (DECIMAL.test(text)) return /^-0(?:\.0+)?$/.test(text) ? 'text' : 'numeric';
    const date = DATE.exec(text);
    if (date !== null) return isCalendarDay(date) ? 'date' : 'text';
    const timestamp = TIMESTAMP.exec(text);
    if (timestamp !== null && isCalendarDay(timestamp)) {
      return timestamp[5] === undefined ? 'timestamp' : 'timestamptz';
    }
  }
  return UUID.test(text) ? 'uuid' : 'text';
}

/** The narrowest type for a column that holds values of both. */
export function widen(a: ColumnType | undefined, b: ColumnType): ColumnType {
  if (a === undefined || a === b) return b;
  const isNumeric = (type: ColumnType): boolean => type === 'bigint' || type === 'numeric';
  return isNumeric(a) && isNumeric(b) ? 'numeric' : 'text';
}

function fitsBigint(text: string): boolean {
  if (text.length < 19) return true;
  const value = BigInt(text);
  return value <= MAX_BIGINT && value >= -MAX_BIGINT - 1n;
}

function isCalendarDay([, year, month, day]: RegExpExecArray): boolean {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const isLeap = (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  const days = m === 2 ? (isLeap ? 29 : 28) : m === 4 || m === 6 || m === 9 || m === 11 ? 30 : 31;
  return y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= days;
}

/**
 * Reads a whole file for the types of its columns. NULL fields decide nothing; a column without a
 * value is text.
 *
 * @throws CopylineError a fault of the file, with its place
 */
export async function inferTypes(input: {
  readonly file: LocalFile;
  readonly scanner: ScannerOptions;
  readonly dialect: CsvDialect;
  readonly dataStart: ScanPosition;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number) => void;
}): Promise<ColumnType[]> {
  const { file, dataStart, dialect } = input;
  const types: (ColumnType | undefined)[] = [];
  let window: Window | undefined;
  const scanner = new CsvScanner(
    input.scanner,
    {
      onRecord: (record) => {
        if (window === undefined) return;
        for (let i = 0; i < record.fieldCount; i += 1) {
          types[i] = typeWithField(types[i], record, window.buffer, i, dialect.null);
        }
      },
    },
    dataStart,
  );
  const reader = new WindowReader(file, dataStart.byteOffset);
  for (let consumed = 0; ;) {
    input.signal?.throwIfAborted();
    window = await reader.next(consumed);
    if (window === undefined) break;
    consumed = scanner.scan(window.buffer, window.from, window.to, window.final);
    input.onProgress(reader.position);
  }
  const fields = input.scanner.fieldCount ?? types.length;
  return Array.from({ length: fields }, (_, i) => types[i] ?? 'text');
}

/** The type of a column that has had `type` so far, after one more field. */
function typeWithField(
  type: ColumnType | undefined,
  record: CsvScanner,
  buffer: Buffer,
  field: number,
  nullMarker: string,
): ColumnType | undefined {
  // Once text, always text.
  if (type === 'text') return type;
  const start = record.fieldStart(field);
  const end = record.fieldEnd(field);
  if (type !== undefined && surelyIs(type, buffer, start, end)) return type;
  const isQuoted = record.isQuoted(buffer, field);
  if (start === end && nullMarker === '') return type;
  const text = record.fieldText(buffer, field);
  return text === nullMarker && !isQuoted ? type : widen(type, typeOf(text));
}
