import type pg from 'pg';

import { type Readers, typesWith } from './value-types.ts';

/** A row whose columns are known by name. */
export type Row = Record<string, unknown>;

/** What may be different for one call. */
export interface QueryOptions {
  /** Readers for some types, in place of the defaults, for this call only. */
  readonly readers?: Readers;
}

/** The type of a result's column; `format_type` makes a name of it. */
export interface ColumnType {
  readonly oid: number;
  /** Length or precision, as `atttypmod` has it; -1 for none. */
  readonly modifier: number;
}

/** What one statement has answered. */
export interface QueryResult<R> {
  /** All rows, in the server's order; of two columns with one name the last one is kept. */
  readonly rows: readonly R[];
  /** Rows returned or affected, as the command tag says; 0 for commands without a count. */
  readonly rowCount: number;
  /** The first word of the command tag: `SELECT`, `COMMIT`, … */
  readonly command: string;
  /** Names of the columns, in their order; also when there are no rows. */
  readonly columns: readonly string[];
  /** One for each of `columns`. */
  readonly columnTypes: readonly ColumnType[];
}

/** What node-postgres is told of one statement. */
export function queryConfig(
  text: string,
  parameters: readonly unknown[],
  { readers }: QueryOptions,
): pg.QueryConfig<unknown[]> {
  return {
    text,
    types: typesWith(readers),
    ...(parameters.length === 0 ? {} : { values: [...parameters] }),
  };
}

/** What node-postgres answers, of one statement. */
export function queryResult<R extends object>(
  result: pg.QueryResult<object> | undefined,
): QueryResult<R> {
  return {
    rows: (result?.rows ?? []) as R[],
    rowCount: result?.rowCount ?? 0,
    // The types leave it out: there is none for an empty statement.
    command: (result?.command as string | null | undefined) ?? '',
    columns: result?.fields.map((field) => field.name) ?? [],
    columnTypes:
      result?.fields.map(({ dataTypeID: oid, dataTypeModifier: modifier }) => ({
        oid,
        modifier,
      })) ?? [],
  };
}
