import { DuckDBInstance } from '@duckdb/node-api';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A Parquet file of a query, written by DuckDB into a folder of the test's own. */
export async function duckdbFile(query: string, options = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'copyline-parquet-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'file.parquet');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'UTC'");
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return path;
}

/** A file with some of its bytes changed, beside the original. */
export async function patched(
  path: string,
  change: (bytes: Buffer) => Buffer | undefined,
): Promise<string> {
  const bytes = await readFile(path);
  const result = change(bytes) ?? bytes;
  const other = `${path}.${String(Math.random()).slice(2)}`;
  await writeFile(other, result);
  return other;
}
