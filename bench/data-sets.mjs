/** The files that are loaded, kept in bench/data between runs. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Not the package's index: that is for tests and needs vitest around it.
import { createTableSql as createTable, writeCsv } from '../libs/testkit/dist/csv/write-csv.js';

export const DATA = fileURLToPath(new URL('data/', import.meta.url));
/** What the sets of the bench are made of. */
const KINDS = { mixed: 'lineitem', narrow: 'readings', wide: 'articles' };
export const SHAPES = Object.keys(KINDS);

export function createTableSql(table, shape) {
  return createTable(table, KINDS[shape]);
}

/** The file of a shape with so many rows; made when it is not there yet. */
export async function dataSet(shape, rows) {
  await mkdir(DATA, { recursive: true });
  const file = path.join(DATA, `${KINDS[shape]}-${rows}.csv`);
  const existing = await stat(file).catch(() => undefined);
  if (existing === undefined) {
    // Under another name until it is whole: an interrupted run leaves no half file to be measured.
    await writeCsv(`${file}.part`, { rows, shape: KINDS[shape] });
    await rename(`${file}.part`, file);
  }
  return { shape, file, rows, bytes: (await stat(file)).size };
}

/**
 * The same rows as Parquet, packed with snappy as most files are unless told otherwise; written by DuckDB.
 *
 * @param {{ shape: string, file: string }} set
 * @param {{ codec?: string, groupRows?: number }} [options] DuckDB's words; rows of a row group
 */
export async function parquetFile({ shape, file }, { codec = 'snappy', groupRows = 122_880 } = {}) {
  const parquet = parquetName(file);
  if ((await stat(parquet).catch(() => undefined)) !== undefined) return parquet;
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const columns = createTableSql('t', shape)
    .replace(/^[^(]*\(|\)$/g, '')
    .split(/,(?![^(]*\))/)
    .map((column) => column.trim().replace(/^(\S+) (.*)$/, "'$1': '$2'"));
  try {
    await connection.run(
      `COPY (SELECT * FROM read_csv('${file}', header = true, columns = {${columns.join(', ')}}))
         TO '${parquet}.part' (FORMAT parquet, COMPRESSION ${codec}, ROW_GROUP_SIZE ${groupRows})`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  await rename(`${parquet}.part`, parquet);
  return parquet;
}

export function parquetName(file) {
  return file.replace(/csv$/, 'parquet');
}

/** Rows of the cached file of a shape that is nearest to a size, within bounds. */
export async function cachedRows(shape, { from, to }) {
  const names = await readdir(DATA).catch(() => []);
  const sizes = names
    .map((name) => Number(new RegExp(`^${KINDS[shape]}-(\\d+)\\.csv$`).exec(name)?.[1]))
    .filter((rows) => rows >= from && rows <= to);
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

export async function removeDataSet({ file }) {
  await rm(file, { force: true });
}

/** Reads a file once, so that every tool finds it in the page cache. */
export async function warm({ file }) {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  for await (const chunk of stream) void chunk;
}
