import { DuckDBInstance } from '@duckdb/node-api';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * A Parquet file of a query, written by DuckDB into a folder of the test's own.
 *
 * @param before statements that DuckDB runs first
 */
export async function duckdbFile(
  query: string,
  options = '',
  before: readonly string[] = [],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'copyline-parquet-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'file.parquet');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'UTC'");
    for (const statement of before) await connection.run(statement);
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return path;
}
