import type { SetValue } from '@copyline/contracts';

import type { DialectBytes } from '../csv/dialect.ts';
import type { ColumnMapping, MappedField } from '../plan/map-fields.ts';

/** The number of the record, as the value of a column. */
export const RECORD_NUMBER: unique symbol = Symbol('record number');

export type RowValue = string | null | typeof RECORD_NUMBER;

/** How a record of the scanner becomes a row. */
export interface RowLayout {
  readonly dialect: DialectBytes;
  /** One for each field; `undefined` for one that is left out of the row. */
  readonly fields: readonly (Pick<MappedField, 'nulls' | 'trim'> | undefined)[];
  /** Values behind those of the fields. */
  readonly set: readonly RowValue[];
}

/** How the records of a plan become rows. */
export function layoutOf(
  plan: {
    readonly scanner: { readonly dialect: DialectBytes };
    readonly mapping: ColumnMapping;
  },
  file: string,
  loadId: string,
): RowLayout {
  const { scanner, mapping } = plan;
  const { fields, set } = mapping;
  const values = set.map(({ value }) => rowValue(value, file, loadId));
  return { dialect: scanner.dialect, fields, set: values };
}

/** What a value that is set stands for in one load. */
export function rowValue(value: SetValue, file: string, loadId: string): RowValue {
  if (value === null || typeof value === 'string') return value;
  if (value.from === 'record') return RECORD_NUMBER;
  return value.from === 'file' ? file : loadId;
}
