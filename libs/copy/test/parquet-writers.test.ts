import { connect } from '@copyline/dws-client';
import { anyServer } from '@copyline/testkit';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { runExtract } from '../src/index.ts';
import { useLoading } from './csv-loading.ts';
import {
  DUCKDB_QUERY,
  ROWS,
  STORED_SQL,
  storedRow,
  TABLE_SQL,
  VALUES,
  type TypedRow,
} from './every-type.ts';
import {
  type Cells,
  hyparquetFile,
  numberText,
  readByDuckdb,
  readByHyparquet,
  WRITTEN,
} from './every-type-files.ts';
import { duckdbFile } from './parquet-writing.ts';

const ALL = VALUES.map((_, i) => i);

/** Dates BC are read, but not written: they are said to be none of Parquet's. */
const EXTRACTED = ROWS.filter(({ stored }) => !stored.endsWith(' BC'));

/** The rows as they must be, of some columns only. */
function rowsOf(
  columns: readonly number[],
  rows: readonly TypedRow[],
  spell = numberText,
): Cells[] {
  return rows.map((row) => {
    const stored = storedRow(row);
    const cells = columns.map((i) => {
      const text = stored[`c${String(i)}`] ?? null;
      return [`c${String(i)}`, text === null ? null : spell(VALUES[i]?.[0] ?? '', text)];
    });
    return { id: stored['id'], ...Object.fromEntries(cells) } as Cells;
  });
}

const asStored = (_: string, text: string): string => text;

describe.each(anyServer())('Parquet files with every type on $name', (server) => {
  const loading = useLoading(server);
  const { db } = loading;

  it('of three writers: two other readers and the loaded table agree, value by value', async () => {
    await db.sql(`set timezone = 'UTC'; ${TABLE_SQL}`);
    const writers: readonly (readonly [string, () => Promise<Buffer>, readonly number[]])[] = [
      [
        'DuckDB',
        async () => readFile(await duckdbFile(DUCKDB_QUERY, ', ROW_GROUP_SIZE 2048')),
        ALL,
      ],
      [
        'DuckDB, version 2',
        async () => readFile(await duckdbFile(DUCKDB_QUERY, ', PARQUET_VERSION v2')),
        ALL,
      ],
      ['hyparquet', () => Promise.resolve(hyparquetFile()), WRITTEN],
      ['our own extract', extracted, ALL],
    ];
    for (const [writer, write, columns] of writers) {
      const rows = write === extracted ? EXTRACTED : ROWS;
      const path = await loading.write(await write(), 'rows.parquet');
      expect([writer, await readByDuckdb(path, columns)]).toEqual([writer, rowsOf(columns, rows)]);
      expect([writer, await readByHyparquet(path)]).toEqual([writer, rowsOf(columns, rows)]);
      await db.sql('truncate t');
      const mapping = { missingColumns: 'default' } as const;
      const report = await loading.load(path, { mapping, force: true });
      expect([writer, report.error]).toEqual([writer, null]);
      const stored = await db.sql<Cells>(STORED_SQL);
      const missing = Object.fromEntries(ALL.map((i) => [`c${String(i)}`, null]));
      const expected = rowsOf(columns, rows, asStored).map((row) => ({ ...missing, ...row }));
      expect([writer, stored]).toEqual([writer, expected]);
    }
  });

  /** What is in the table now. */
  async function extracted(): Promise<Buffer> {
    await db.sql(`truncate t`);
    const before = await duckdbFile(DUCKDB_QUERY);
    expect((await loading.load(before, { force: true })).error).toBeNull();
    await db.sql("delete from t where c19 < '0001-01-01'");
    const path = `${before}.out.parquet`;
    const { error } = await runExtract(
      { from: { table: `${db.schema}.t` }, to: { path } },
      { connection: () => connect({ target: db.url() }), database: db.database },
    );
    expect(error).toBeUndefined();
    return readFile(path);
  }
});
