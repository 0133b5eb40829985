import { quoteIdentifier, quoteTable } from '@copyline/dws-client';

import type { ColumnType } from '../csv/column-types.ts';
import type { TableName } from './table-name.ts';

/** The statement that makes a table of columns and their types, names exactly as they are. */
export function createTable(
  { schema, name }: TableName,
  columns: readonly string[],
  types: readonly ColumnType[],
): string {
  const table = schema === undefined ? quoteIdentifier(name) : quoteTable({ schema, name });
  const definitions = columns.map((name, i) => columnDefinition(name, types[i] ?? 'text'));
  return `CREATE TABLE ${table} (${definitions.join(', ')})`;
}

export function columnDefinition(name: string, type: ColumnType): string {
  return `${quoteIdentifier(name)} ${type}`;
}
