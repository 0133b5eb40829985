import type { SchemaElement } from 'hyparquet';

import { INT, int32s, rawParquet } from '../libs/copy/test/parquet-raw.ts';

/** A Parquet file that somebody has, and what its load must come to. */
export interface ParquetCase {
  readonly name: string;
  /** Its bytes, or what DuckDB shall write. */
  readonly file: Buffer | DuckdbFile;
  readonly flags?: readonly string[];
  /** Default: `i int`. */
  readonly columns?: string;
  /** The rows that are stored, each as the server's text of them; */
  readonly rows?: readonly string[];
  /** or the error: a part of what it says, and its place. */
  readonly error?: ParquetError;
}

/** A query, options of its COPY, and statements before it. */
export interface DuckdbFile {
  readonly query: string;
  readonly options?: string;
  readonly before?: readonly string[];
}

export interface ParquetError {
  readonly code: string;
  readonly message: string;
  readonly rowGroup?: number;
  readonly column?: string;
  readonly byteOffset?: number;
  readonly record?: number;
}

type Place = Omit<ParquetError, 'code' | 'message'>;

export function failing(code: string) {
  return (message: string, place: Place = {}): { readonly error: ParquetError } => ({
    error: { code, message, ...place },
  });
}

/** A fault in a page of the column `i`, of which the first begins behind PAR1. */
export function inPage(
  code: string,
  message: string,
  byteOffset = 4,
): { readonly error: ParquetError } {
  return failing(code)(message, { rowGroup: 0, column: 'i', byteOffset });
}

/** A value that is refused: its record, and a part of what is said. */
export function atRecord(
  code: string,
  record: number,
  message: string,
): { readonly error: ParquetError } {
  return failing(code)(message, { rowGroup: 0, column: 'i', record });
}

export const OPTIONAL: SchemaElement = { ...INT, repetition_type: 'OPTIONAL' };

/** Levels as a page of version 1 has them: their length, then runs of a level. */
export function runs(...each: readonly (readonly [times: number, level: number])[]): Buffer {
  const bytes = each.flatMap(([times, level]) => [times << 1, level]);
  return Buffer.concat([int32s(bytes.length), Buffer.from(bytes)]);
}

const LIST: SchemaElement = {
  ...{ name: 'i', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
};
const ENTRIES: SchemaElement = { name: 'list', repetition_type: 'REPEATED', num_children: 1 };

/** A list of the numbers 1, 2, … in one row, with levels as given. */
export function listFile(
  repetitions: Buffer,
  definitions: Buffer,
  count: number,
  above: readonly SchemaElement[] = [LIST, ENTRIES],
  element: SchemaElement = { ...INT, name: 'element' },
): Buffer {
  const values = int32s(...Array.from({ length: count }, (_, i) => i + 1));
  const pages = Buffer.concat([repetitions, definitions, values]);
  return rawParquet([{ element, pages, count, above }], (footer) => {
    footer.num_rows = 1n;
    for (const group of footer.row_groups) group.num_rows = 1n;
  });
}
