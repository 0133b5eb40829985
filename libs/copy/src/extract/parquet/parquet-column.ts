import type { SchemaElement } from 'hyparquet';

import type { ExtractColumn } from '../extract-facts.ts';
import { BooleanWriter } from './boolean-writer.ts';
import { BytesWriter, FixedBytesWriter } from './bytes-writer.ts';
import { decimalLength, DecimalWriter } from './decimal-writer.ts';
import { DateWriter, TimestampWriter, TimeWriter } from './date-time-writer.ts';
import { Int16Writer, ReversedWriter } from './number-writer.ts';
import type { ValueWriter } from './value-writer.ts';

/** What a column of the result becomes in Parquet. Plain data. */
export interface ParquetColumn {
  readonly name: string;
  readonly form: ParquetForm;
}

/** `text` is what every type without a counterpart is cast to, so that nothing of it is lost. */
export type ParquetForm =
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: Exclude<keyof typeof FORMS, 'decimal'> };

type Annotation = Omit<SchemaElement, 'name' | 'repetition_type'>;

const STRING: Annotation = {
  ...{ type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
};

/**
 * The types of the file and who writes them. `converted_type` is for readers from before 2018; it has
 * no way to say "not adjusted to UTC", so it is left out there. Source: Parquet, "Logical Types".
 */
const FORMS = {
  bool: { element: { type: 'BOOLEAN' }, writer: () => new BooleanWriter() },
  int2: {
    // Without the logical type: hyparquet-writer 0.17 gives its width the wrong size.
    element: { type: 'INT32', converted_type: 'INT_16' },
    writer: () => new Int16Writer(),
  },
  int4: { element: { type: 'INT32' }, writer: () => new ReversedWriter(4) },
  int8: { element: { type: 'INT64' }, writer: () => new ReversedWriter(8) },
  float4: { element: { type: 'FLOAT' }, writer: () => new ReversedWriter(4) },
  float8: { element: { type: 'DOUBLE' }, writer: () => new ReversedWriter(8) },
  text: { element: STRING, writer: () => new BytesWriter() },
  json: {
    element: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
    writer: () => new BytesWriter(),
  },
  jsonb: {
    element: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
    // The version of the form comes before the text (jsonb_send).
    writer: () => new BytesWriter(1),
  },
  bytea: { element: { type: 'BYTE_ARRAY' }, writer: () => new BytesWriter() },
  uuid: {
    element: {
      ...{ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 },
      logical_type: { type: 'UUID' },
    },
    writer: () => new FixedBytesWriter(16),
  },
  date: {
    element: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
    writer: () => new DateWriter(),
  },
  time: {
    element: {
      type: 'INT64',
      logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' },
    },
    writer: () => new TimeWriter(),
  },
  timestamp: {
    element: {
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' },
    },
    writer: () => new TimestampWriter(),
  },
  timestamptz: {
    element: {
      ...{ type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    },
    writer: () => new TimestampWriter(),
  },
} as const satisfies Record<string, { element: Annotation; writer: () => ValueWriter }>;

/** Names of types in pg_catalog that are written as something else than their own name. */
const SAME_AS: Readonly<Record<string, keyof typeof FORMS>> = { varchar: 'text', bpchar: 'text' };

/** The largest precision that readers know, 128 bits. */
const MAX_PRECISION = 38;
const VARHDRSZ = 4;
/** numeric(p, s) as its typmod has it since version 15: s is a signed integer of 11 bits. */
const SCALE_BITS = 0x7ff;
const SCALE_SIGN = 0x400;

export function parquetColumn({ name, base }: ExtractColumn): ParquetColumn {
  return { name, form: formOf(base) };
}

/** Whether the file has text where the database has something else. */
export function isTextInstead({ base, category }: ExtractColumn): boolean {
  return category !== 'S' && isCastToText({ base });
}

/** Whether the SELECT must turn the column into text: the server's binary form of it is none. */
export function isCastToText({ base }: Pick<ExtractColumn, 'base'>): boolean {
  const isSentAsText =
    base.kind === 'e' || base.name === 'text' || Object.hasOwn(SAME_AS, base.name);
  return formOf(base).kind === 'text' && !isSentAsText;
}

function formOf({ name, kind, modifier }: ExtractColumn['base']): ParquetForm {
  if (kind === 'e') return { kind: 'text' };
  if (name === 'numeric') return decimalForm(modifier) ?? { kind: 'text' };
  if (Object.hasOwn(FORMS, name)) return { kind: name as keyof typeof FORMS };
  return { kind: SAME_AS[name] ?? 'text' };
}

/** Of a numeric without limits there is none: its values have any number of digits. */
function decimalForm(modifier: number): ParquetForm | undefined {
  if (modifier < VARHDRSZ) return undefined;
  const bits = modifier - VARHDRSZ;
  const digits = bits >>> 16;
  const scale = ((bits & SCALE_BITS) ^ SCALE_SIGN) - SCALE_SIGN;
  // numeric(2,-3) and numeric(2,5) are legal there, but 0 ≤ scale ≤ precision here.
  const precision = Math.max(digits - Math.min(scale, 0), scale);
  if (precision > MAX_PRECISION) return undefined;
  return { kind: 'decimal', precision, scale: Math.max(scale, 0) };
}

/** The column as the file's schema has it. Every column may have NULLs: of a query nobody knows. */
export function schemaElement({ name, form }: ParquetColumn): SchemaElement {
  const annotation = form.kind === 'decimal' ? decimalElement(form) : FORMS[form.kind].element;
  return { name, repetition_type: 'OPTIONAL', ...annotation };
}

export function valueWriter({ form }: ParquetColumn): ValueWriter {
  return form.kind === 'decimal'
    ? new DecimalWriter(form.precision, form.scale)
    : FORMS[form.kind].writer();
}

function decimalElement({ precision, scale }: { precision: number; scale: number }): Annotation {
  const length = decimalLength(precision);
  return {
    ...(length === 4
      ? { type: 'INT32' }
      : length === 8
        ? { type: 'INT64' }
        : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: length }),
    ...{ converted_type: 'DECIMAL', precision, scale },
    logical_type: { type: 'DECIMAL', precision, scale },
  };
}
