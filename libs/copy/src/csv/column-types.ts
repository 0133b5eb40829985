import type { ValueType } from '../encode/index.ts';

/** The types that `--create` may choose; text wherever another type might alter a value. */
export type ColumnType =
  'bigint' | 'numeric' | 'boolean' | 'date' | 'timestamp' | 'timestamptz' | 'uuid' | 'text';

/** Those, and what else the columns of a Parquet file may be. */
export type TableType =
  | ColumnType
  | 'smallint'
  | 'integer'
  | 'real'
  | 'double precision'
  | 'time'
  | 'interval'
  | 'bytea'
  | 'json'
  | 'jsonb'
  | `numeric(${number},${number})`;

/** The name of each in the catalogue, where it is another one. */
const CATALOGUE_NAMES: Readonly<Record<string, string>> = {
  ...{ bigint: 'int8', boolean: 'bool', smallint: 'int2', integer: 'int4' },
  ...{ real: 'float4', 'double precision': 'float8' },
};
const VARHDRSZ = 4;

export function valueTypeOf(type: TableType): ValueType {
  const [, precision, scale] = /^numeric\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision !== undefined) {
    const typmod = ((Number(precision) << 16) | Number(scale)) + VARHDRSZ;
    return { name: 'numeric', kind: 'base', typmod };
  }
  return { name: CATALOGUE_NAMES[type] ?? type, kind: 'base', typmod: -1 };
}

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
