import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  type SchemaElement,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetWriteBuffer } from 'hyparquet-writer';

import { ROWS, VALUES } from './every-type.ts';
import { duckdb } from './parquet-reading.ts';

/**
 * The table of every type in Parquet files of other hands: one more writer, and two readers that share no code
 * with each other. All values go through the physical ones of the format, which are exact.
 */

export type Cells = Record<string, string | null>;

const MICROS_PER_DAY = 86_400_000_000n;
const UTF8 = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
const instant = (unit: 'MILLIS' | 'MICROS' | 'NANOS', isAdjustedToUTC = false) =>
  ({ type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit } }) as const;

/** What the other writer makes of a type of DuckDB; JSON it would write in its own way, intervals not at all. */
const ELEMENTS: Readonly<Record<string, Omit<SchemaElement, 'name'>>> = {
  BOOLEAN: { type: 'BOOLEAN' },
  TINYINT: { type: 'INT32', converted_type: 'INT_8' },
  SMALLINT: { type: 'INT32', converted_type: 'INT_16' },
  INTEGER: { type: 'INT32' },
  BIGINT: { type: 'INT64' },
  UTINYINT: { type: 'INT32', converted_type: 'UINT_8' },
  USMALLINT: { type: 'INT32', converted_type: 'UINT_16' },
  UINTEGER: { type: 'INT32', converted_type: 'UINT_32' },
  UBIGINT: { type: 'INT64', converted_type: 'UINT_64' },
  FLOAT: { type: 'FLOAT' },
  DOUBLE: { type: 'DOUBLE' },
  VARCHAR: UTF8,
  BLOB: { type: 'BYTE_ARRAY' },
  UUID: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
  DATE: { type: 'INT32', converted_type: 'DATE' },
  TIME: { type: 'INT64', converted_type: 'TIME_MICROS' },
  TIMESTAMP: instant('MICROS'),
  TIMESTAMP_MS: instant('MILLIS'),
  TIMESTAMP_NS: instant('NANOS'),
  TIMESTAMPTZ: instant('MICROS', true),
  "ENUM('sad', 'happy')": UTF8,
};

function elementOf(type: string): Omit<SchemaElement, 'name'> | undefined {
  const [, precision = '', scale = ''] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision === '') return ELEMENTS[type];
  const digits = Number(precision);
  return {
    ...(digits <= 9
      ? { type: 'INT32' }
      : digits <= 18
        ? { type: 'INT64' }
        : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 }),
    ...{ converted_type: 'DECIMAL', precision: digits, scale: Number(scale) },
  };
}

/** Columns that the other writer has, by their numbers. */
export const WRITTEN = VALUES.flatMap(([type], i) => (elementOf(type) === undefined ? [] : [i]));

/** The rows, written by hyparquet-writer. */
export function hyparquetFile(): Buffer {
  const columns = WRITTEN.map((i) => {
    const [type] = VALUES[i] as (typeof VALUES)[number];
    const name = `c${String(i)}`;
    const element = { ...elementOf(type), name, repetition_type: 'OPTIONAL' } as SchemaElement;
    const data = ROWS.map(({ column, stored }) => (column === i ? physical(type, stored) : null));
    return { element, column: { name, data } };
  });
  const id = { name: 'id', type: 'INT32', repetition_type: 'REQUIRED' } as const;
  const bytes = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: ROWS.map((row) => row.id) },
      ...columns.map(({ column }) => column),
    ],
    schema: [
      { name: 'root', num_children: columns.length + 1 },
      id,
      ...columns.map(({ element }) => element),
    ],
  });
  return Buffer.from(bytes);
}

/** The value that the format has for PostgreSQL's spelling of it. */
function physical(type: string, text: string): unknown {
  if (type === 'BOOLEAN') return text === 'true';
  if (type.startsWith('DECIMAL')) return BigInt(text.replace('.', ''));
  if (type === 'BIGINT' || type === 'UBIGINT') return BigInt(text);
  if (type.includes('INT') || type === 'FLOAT' || type === 'DOUBLE') return Number(text);
  if (type === 'BLOB') return Buffer.from(text.slice(2), 'hex');
  if (type === 'DATE') return Number(microsOf(`${text} 00:00:00`) / MICROS_PER_DAY);
  if (type === 'TIME') return microsOf(`1970-01-01 ${text}`);
  if (type === 'TIMESTAMP_MS') return microsOf(text) / 1000n;
  if (type === 'TIMESTAMP_NS') return microsOf(text) * 1000n;
  if (type.startsWith('TIMESTAMP')) return microsOf(text);
  return text;
}

/** Since 1970; the year 1 BC is 0. */
function microsOf(text: string): bigint {
  const [, year, month, day, hours, fraction = ''] =
    /^(\d+)-(\d+)-(\d+)(?: BC)? (\d+:\d+:\d+)\.?(\d*)/.exec(text) ?? [];
  const date = new Date(`2000-01-01T${hours ?? ''}Z`);
  date.setUTCFullYear(
    text.includes(' BC') ? 1 - Number(year) : Number(year),
    Number(month) - 1,
    Number(day),
  );
  return BigInt(date.getTime()) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

/** The rows of a file as hyparquet has them, in PostgreSQL's spelling. */
export async function readByHyparquet(path: string): Promise<Cells[]> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  for (const element of metadata.schema) {
    // Decimals it would make doubles of, intervals it does not know.
    if (element.converted_type === 'DECIMAL' || element.converted_type === 'INTERVAL') {
      delete element.converted_type;
      delete element.logical_type;
    }
  }
  const text = (bytes: Uint8Array | undefined): string | undefined =>
    bytes && Buffer.from(bytes).toString();
  const parsers = {
    timestampFromMilliseconds: (millis: bigint) => millis * 1000n,
    timestampFromMicroseconds: (micros: bigint) => micros,
    timestampFromNanoseconds: (nanos: bigint) => nanos / 1000n,
    dateFromDays: (days: number) => BigInt(days) * MICROS_PER_DAY,
    ...{ stringFromBytes: text, jsonFromBytes: text },
  };
  const rows = await parquetReadObjects({ file, metadata, compressors, utf8: false, parsers });
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        const type = VALUES[Number(name.slice(1))]?.[0] ?? 'INTEGER';
        return [name, value === null || value === undefined ? null : spelt(type, value)];
      }),
    ),
  );
}

function spelt(type: string, value: unknown): string {
  const scale = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (scale !== undefined) return decimalText(value as number | bigint | Uint8Array, Number(scale));
  // Of our own extract, which has a decimal for it.
  if (type === 'UBIGINT' && value instanceof Uint8Array) return decimalText(value, 0);
  if (type === 'BLOB') return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
  if (type === 'INTERVAL' && value instanceof Uint8Array) return intervalText(Buffer.from(value));
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (type === 'DATE') return instantText(value as bigint).replace(' 00:00:00', '');
  if (type === 'TIME') return instantText(BigInt(value as number)).slice(11);
  if (type === 'TIMESTAMPTZ') return `${instantText(value as bigint)}+00`;
  if (type.startsWith('TIMESTAMP')) return instantText(value as bigint);
  return numberText(type, String(Object.is(value, -0) ? '-0' : value));
}

function decimalText(value: number | bigint | Uint8Array, scale: number): string {
  const unscaled =
    value instanceof Uint8Array
      ? BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`))
      : BigInt(value);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  const fraction = scale === 0 ? '' : `.${digits.slice(point)}`;
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`;
}

function instantText(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const date = new Date(Number((micros - fraction) / 1000n));
  const year = date.getUTCFullYear();
  const day = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${date.toISOString().slice(-19, -14)}`;
  const digits = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
  return `${day} ${date.toISOString().slice(-13, -5)}${digits}${year > 0 ? '' : ' BC'}`;
}

/** Months, days, milliseconds: of less than ten seconds, as the table has it. */
function intervalText(bytes: Buffer): string {
  const months = bytes.readUInt32LE(0);
  const [days, millis] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  return `${String(Math.floor(months / 12))} year ${String(months % 12)} mons ${String(days)} days 00:00:0${String(millis / 1000)}`;
}

/** Doubles are spelt in many ways: here in that of JavaScript. */
export function numberText(type: string, text: string): string {
  if (type !== 'FLOAT' && type !== 'DOUBLE') return text;
  const number = type === 'FLOAT' ? Math.fround(Number(text)) : Number(text);
  return Object.is(number, -0) ? '-0' : String(number);
}

/** PostgreSQL's spelling of what DuckDB spells in another way. */
function ours(type: string, text: string): string {
  if (type.startsWith('DECIMAL')) return text.replace(/^(-?)\./, '$10.');
  if (type === 'DATE') return text.replace('(BC)', 'BC');
  if (type === 'INTERVAL') return text.replace(' months ', ' mons ');
  return type === 'VARCHAR' ? text : text.replace(/^(-?)inf$/, '$1Infinity');
}

/** The rows of a file as DuckDB has them, in PostgreSQL's spelling. */
export async function readByDuckdb(path: string, columns: readonly number[]): Promise<Cells[]> {
  const cells = columns.map((i) => {
    const name = `c${String(i)}`;
    return VALUES[i]?.[0] === 'BLOB'
      ? `'\\x' || lower(hex(${name})) as ${name}`
      : `${name}::varchar as ${name}`;
  });
  const rows = await duckdb(`select id, ${cells.join(', ')} from {} order by id`, path);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, text]) => {
        const type = VALUES[Number(name.slice(1))]?.[0] ?? 'INTEGER';
        return [name, text === null ? null : numberText(type, ours(type, text))];
      }),
    ),
  );
}
