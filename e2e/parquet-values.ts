import type { SchemaElement } from 'hyparquet';

import {
  BYTES,
  INT,
  int32s,
  int64s,
  LONG,
  rawParquet,
  texts,
} from '../libs/copy/test/parquet-raw.ts';
import { atRecord, inPage, type ParquetCase } from './parquet-case.ts';

/** A column `i` of PLAIN values, its type in the table, and what is stored; or the error. */
function value(
  name: string,
  element: SchemaElement,
  bytes: Buffer,
  type: string,
  expected: readonly string[] | ReturnType<typeof atRecord>,
): ParquetCase {
  const count = bytes.length / sizeOf(element);
  return {
    name: `${name}: ${type}`,
    file: rawParquet([{ element, pages: bytes, count: Number.isInteger(count) ? count : 0 }]),
    columns: `i ${type}`,
    ...('error' in expected ? expected : { rows: expected.map(rowOf) }),
  };
}

const SIZES: Readonly<Record<string, number>> = {
  ...{ INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8 },
};

function sizeOf({ type = 'INT32', type_length: width }: SchemaElement): number {
  return width ?? SIZES[type] ?? 1;
}

/** The same of values that have a length each. */
function text(
  name: string,
  element: SchemaElement,
  values: readonly (string | Buffer)[],
  type: string,
  expected: readonly string[] | ReturnType<typeof atRecord>,
): ParquetCase {
  return {
    name: `${name}: ${type}`,
    file: rawParquet([{ element, pages: texts(...values), count: values.length }]),
    columns: `i ${type}`,
    ...('error' in expected ? expected : { rows: expected.map(rowOf) }),
  };
}

/** A row of one column, as the server prints it. */
function rowOf(cell: string): string {
  const isPlain = /^[^\s,()"\\]+$/.test(cell);
  return isPlain ? `(${cell})` : `("${cell.replaceAll('\\', '\\\\').replaceAll('"', '""')}")`;
}

const element = (more: Partial<SchemaElement> & Pick<SchemaElement, 'type'>): SchemaElement => ({
  ...{ name: 'i', repetition_type: 'REQUIRED' },
  ...more,
});
const time = (unit: 'MILLIS' | 'MICROS' | 'NANOS', isAdjustedToUTC = false): SchemaElement => ({
  ...{ ...LONG, logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit } },
});
const decimal = (
  type: 'BYTE_ARRAY' | 'FIXED_LEN_BYTE_ARRAY' | 'INT32' | 'INT64',
  precision: number,
  scale: number,
): SchemaElement => element({ type, converted_type: 'DECIMAL', precision, scale });
const int96 = element({ type: 'INT96' });
const half = element({
  ...{ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 2, logical_type: { type: 'FLOAT16' } },
});
const wide = { ...decimal('FIXED_LEN_BYTE_ARRAY', 38, 10), type_length: 16 };
const unsigned = { ...LONG, converted_type: 'UINT_64' } as const;
const utf8 = { ...BYTES, converted_type: 'UTF8' } as const;
const json = { ...BYTES, converted_type: 'JSON' } as const;
const label = { ...BYTES, converted_type: 'ENUM' } as const;
const date = { ...INT, converted_type: 'DATE' } as const;
const millis = { ...LONG, converted_type: 'TIMESTAMP_MILLIS' } as const;

/** Nanoseconds of the day, and its Julian number. */
const int96s = (...values: readonly (readonly [bigint, number])[]): Buffer =>
  Buffer.concat(values.flatMap(([ns, day]) => [int64s(ns), int32s(day)]));
const halves = (...bits: readonly number[]): Buffer => Buffer.from(Uint16Array.from(bits).buffer);
const doubles = (...values: readonly number[]): Buffer =>
  Buffer.from(Float64Array.from(values).buffer);
const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');
const LARGEST = 10n ** 38n - 1n;
const sixteen = (number: bigint): Buffer =>
  bytesOf(BigInt.asUintN(128, number).toString(16).padStart(32, '0'));

const lossy = (record: number, message: string): ReturnType<typeof atRecord> =>
  atRecord('VALUE_LOSSY', record, message);
const refused = (record: number, message: string): ReturnType<typeof atRecord> =>
  atRecord('VALUE_REFUSED', record, message);

const TIMES: readonly ParquetCase[] = [
  value('P21 INT96', int96, int96s([1_000n, 2_440_588], [0n, 2_460_000]), 'timestamp', [
    ...['1970-01-01 00:00:00.000001', '2023-02-24 00:00:00'],
  ]),
  value(
    'P21 INT96 beyond what nanoseconds hold',
    int96,
    int96s([0n, 1_721_426], [0n, 5_373_484]),
    'timestamp',
    ['0001-01-01 00:00:00', '9999-12-31 00:00:00'],
  ),
  value('P21 INT96 of one nanosecond', int96, int96s([1n, 2_440_588]), 'timestamp', lossy(1, '')),
  value('P21 INT96 beyond', int96, int96s([0n, 2 ** 31 - 1]), 'timestamp', refused(1, '')),
  value('P22 nanoseconds', time('NANOS'), int64s(1_000n, -1_000n), 'timestamp', [
    ...['1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999'],
  ]),
  value(
    'P22 nanoseconds that would be lost',
    time('NANOS'),
    int64s(1_000n, 1_001n),
    'timestamp',
    lossy(2, '1970-01-01 00:00:00.000001001'),
  ),
  value('P22 one before 1970', time('NANOS', true), int64s(-1n), 'timestamptz', lossy(1, '')),
  value('P22 nanoseconds', time('NANOS'), int64s(1_001n), 'text', [
    '1970-01-01 00:00:00.000001001',
  ]),
  {
    ...value(
      'P22 nanoseconds, cut off by option',
      time('NANOS'),
      int64s(1_999n, -1n),
      'timestamp',
      [...['1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999']],
    ),
    flags: ['--nanoseconds', 'truncate'],
  },
  value('P22 microseconds', time('MICROS'), int64s(-1n), 'timestamp', [
    '1969-12-31 23:59:59.999999',
  ]),
  value('P22 in UTC', time('MILLIS', true), int64s(-1n), 'timestamptz', [
    '1969-12-31 23:59:59.999+00',
  ]),
  value('P22 in UTC', millis, int64s(-1n), 'timestamp', ['1969-12-31 23:59:59.999']),
  value('P22 beyond the server', millis, int64s(2n ** 62n), 'timestamp', refused(1, '')),
  value('P22 a date beyond the server', date, int32s(2 ** 31 - 1), 'date', refused(1, '')),
  value('P22 a date', date, int32s(-1), 'timestamp', ['1969-12-31 00:00:00']),
];

const NUMBERS: readonly ParquetCase[] = [
  value('P23 unsigned', unsigned, int64s(1n, -1n), 'bigint', refused(2, '18446744073709551615')),
  value('P23 unsigned', unsigned, int64s(-1n), 'numeric', ['18446744073709551615']),
  value('P23 unsigned', { ...INT, converted_type: 'UINT_32' }, int32s(-1), 'int', refused(1, '')),
  value('P23 unsigned', { ...INT, converted_type: 'UINT_32' }, int32s(-1), 'bigint', [
    '4294967295',
  ]),
  value('P23 an integer', LONG, int64s(7n, 40_000n), 'smallint', refused(2, '40000')),
  value('P23 an integer', INT, int32s(-7), 'bigint', ['-7']),
  value('P23 an integer', LONG, int64s(-(2n ** 63n)), 'text', ['-9223372036854775808']),
  value('P23 an integer', LONG, int64s(999n, 1000n), 'numeric(5,2)', refused(2, 'overflow')),
  {
    ...value('P23 a number', LONG, int64s(20_240_101n), 'date', []),
    ...{ rows: [], error: { code: 'COLUMN_TYPE_MISMATCH', message: 'int64', column: 'i' } },
  },
  text('P24 bytes', decimal('BYTE_ARRAY', 9, 2), [bytesOf('01'), bytesOf('ff9c'), ''], 'numeric', [
    ...['0.01', '-1.00', '0.00'],
  ]),
  value('P24 int32', decimal('INT32', 9, 4), int32s(12_300, -12_300), 'numeric(9,2)', [
    ...['1.23', '-1.23'],
  ]),
  value('P24 rounded', decimal('INT32', 9, 4), int32s(12_345), 'numeric(9,2)', lossy(1, '1.2345')),
  value('P24 int32', decimal('INT32', 9, 2), int32s(100), 'int', refused(1, '1.00')),
  value('P24 int64', decimal('INT64', 18, 18), int64s(-1n), 'numeric', ['-0.000000000000000001']),
  value(
    'P24 38 digits',
    wide,
    Buffer.concat([sixteen(LARGEST), sixteen(-LARGEST), sixteen(-1n)]),
    'numeric',
    [
      '9999999999999999999999999999.9999999999',
      '-9999999999999999999999999999.9999999999',
      '-0.0000000001',
    ],
  ),
  value(
    'P25 half floats',
    half,
    halves(0x3c00, 0xc000, 0x7c00, 0xfc00, 0x7e00, 0x8000, 0x0001),
    'real',
    ['1', '-2', 'Infinity', '-Infinity', 'NaN', '-0', '5.9604645e-08'],
  ),
  value(
    'P25 doubles',
    element({ type: 'DOUBLE' }),
    doubles(NaN, Infinity, -Infinity, -0, 5e-324),
    'float8',
    ['NaN', 'Infinity', '-Infinity', '-0', '5e-324'],
  ),
  value('P25 a double', element({ type: 'DOUBLE' }), doubles(0.5, -0), 'real', ['0.5', '-0']),
  value('P25 a double', element({ type: 'DOUBLE' }), doubles(0.1), 'real', lossy(1, '0.1')),
];

const TEXTS: readonly ParquetCase[] = [
  text('P26 no UTF-8', utf8, ['ok', bytesOf('66ff')], 'text', refused(2, 'UTF8')),
  text('P26 no UTF-8, not annotated', BYTES, [bytesOf('c0af')], 'text', refused(1, 'UTF8')),
  text('P26 half a surrogate pair', utf8, [bytesOf('eda080')], 'text', refused(1, 'UTF8')),
  text('P26 NUL', BYTES, ['a\0b'], 'varchar', refused(1, '0x00')),
  {
    name: 'P26 a text of a negative length',
    file: rawParquet([{ element: BYTES, pages: int32s(-5), count: 1 }]),
    columns: 'i text',
    ...inPage('PARQUET_INVALID', 'longer than its page'),
  },
  {
    name: 'P26 a text longer than its page',
    file: rawParquet([{ element: BYTES, pages: int32s(500), count: 1 }]),
    columns: 'i text',
    ...inPage('PARQUET_INVALID', 'longer than its page'),
  },
  text('P26 not annotated', BYTES, ['ä', ''], 'varchar(3)', ['ä', '']),
  text('P26 bytes', BYTES, [bytesOf('00ff')], 'bytea', ['\\x00ff']),
  text('P26 too long', BYTES, ['abc', 'abcd'], 'varchar(3)', refused(2, 'too long')),
  text('P26 spellings', utf8, ['2024-02-29', 'infinity'], 'date', ['2024-02-29', 'infinity']),
  text('P26 no such spelling', utf8, ['1', 'x'], 'int', refused(2, 'x: the text')),
  text('P26 a document', json, ['{"b":1, "a":2}'], 'jsonb', ['{"a": 2, "b": 1}']),
  text('P26 no document', json, ['{}', '{'], 'jsonb', refused(2, 'json')),
  text('P26 a label', label, ['happy'], 'mood', ['happy']),
  text('P26 no label', label, ['happy', 'glad'], 'mood', refused(2, 'glad')),
  text('P27 BSON', { ...BYTES, logical_type: { type: 'BSON' } }, ['x'], 'bytea', ['\\x78']),
];

/** A file with the annotation BSON, which no reader knows by this number. */
function unknownAnnotation(): Buffer {
  const file = rawParquet([
    { element: { ...BYTES, logical_type: { type: 'BSON' } }, pages: texts('x'), count: 1 },
  ]);
  // The union's field 13 becomes 9, which the format keeps free.
  const at = file.indexOf(bytesOf('dc0000'));
  file[at] = 0x9c;
  return file;
}

export const VALUES: readonly ParquetCase[] = [
  ...TIMES,
  ...NUMBERS,
  ...TEXTS,
  {
    ...{ name: 'P27 an unknown annotation', file: unknownAnnotation(), columns: 'i bytea' },
    rows: [rowOf('\\x78')],
  },
];
