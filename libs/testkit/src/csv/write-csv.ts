import { open } from 'node:fs/promises';
import { csvBlocks, type CsvOptions } from './csv-blocks.ts';
import { CSV_SHAPES, type CsvShape } from './csv-shapes.ts';

export interface WrittenCsv {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** CREATE TABLE for these columns, without any constraint: a row stored twice must be visible. */
  createTableSql(table: string): string;
}

/** Writes a deterministic CSV with a unique `rid` column; a file that exists is replaced. */
export async function writeCsv(path: string, options: CsvOptions): Promise<WrittenCsv> {
  await using file = await open(path, 'w');
  let bytes = 0;
  for (const block of csvBlocks(options)) {
    // `file.write` may write less than it was given; writeFile at the current position does not.
    await file.writeFile(block);
    bytes += block.length;
  }
  const { rows, shape = 'mixed' } = options;
  return { path, rows, bytes, createTableSql: (table) => createTableSql(table, shape) };
}

/** `table` is SQL text, quoted where it needs quotes. */
export function createTableSql(table: string, shape: CsvShape): string {
  const columns = CSV_SHAPES[shape].map(({ name, sqlType }) => `${name} ${sqlType}`);
  return `create table ${table} (rid bigint, ${columns.join(', ')})`;
}
