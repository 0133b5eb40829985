import { quoteIdentifier, quoteTable } from '@copyline/dws-client';

import type { TableType } from '../csv/column-types.ts';
import type { ColumnMapping } from './map-fields.ts';
import type { TableName } from './table-name.ts';

/** The statement that makes a table of columns and their types, names exactly as they are. */
export function createTable(
  { schema, name }: TableName,
  columns: readonly string[],
  types: readonly TableType[],
): string {
  const table = schema === undefined ? quoteIdentifier(name) : quoteTable({ schema, name });
  const definitions = columns.map((name, i) => columnDefinition(name, types[i] ?? 'text'));
  return `CREATE TABLE ${table} (${definitions.join(', ')})`;
}

export function columnDefinition(name: string, type: TableType): string {
  return `${quoteIdentifier(name)} ${type}`;
}

/** The types of the columns that are made: of the fields by their values, of what the load sets. */
export function createdTypes(
  { fields, set }: ColumnMapping,
  inferred: readonly TableType[] | undefined,
): TableType[] {
  return [
    ...fields.flatMap((field, i) => (field === undefined ? [] : (inferred?.[i] ?? 'text'))),
    ...set.map(({ value }) =>
      typeof value === 'object' && value?.from === 'record' ? 'bigint' : 'text',
    ),
  ];
}
