import { quoteIdentifier, quoteTable } from '@copyline/dws-client';

import type { ColumnType } from '../csv/column-types.ts';

/** The statement that makes a table of columns and their types, names exactly as they are. */
export function createTable(
  table: { readonly schema: string; readonly name: string },
  columns: readonly string[],
  types: readonly ColumnType[],
): string {
  const definitions = columns.map((name, i) => columnDefinition(name, types[i] ?? 'text'));
  return `CREATE TABLE ${quoteTable(table)} (${definitions.join(', ')})`;
}

export function columnDefinition(name: string, type: ColumnType): string {
  return `${quoteIdentifier(name)} ${type}`;
}
