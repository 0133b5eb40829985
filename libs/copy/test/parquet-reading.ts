import { DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { onTestFinished } from 'vitest';

/** Two readers that share no code with each other: what both read the same is what the file says. */

/** Rows as DuckDB has them, every value as its text. `{}` in the SQL is the file, or a list of them. */
export async function duckdb(
  sql: string,
  ...paths: readonly string[]
): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  onTestFinished(() => {
    connection.closeSync();
    instance.closeSync();
  });
  const files = `read_parquet([${paths.map((path) => `'${path}'`).join(', ')}])`;
  await connection.run("set timezone = 'UTC'");
  const result = await connection.runAndReadAll(sql.replaceAll('{}', files));
  return result
    .getRowObjects()
    .map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
      ),
    );
}

/** What the columns are that the other reader is asked for. */
export type Scalar = string | number | bigint | boolean | null;

/** Rows as hyparquet has them: values of JavaScript. */
export async function hyparquet(path: string): Promise<Record<string, Scalar>[]> {
  const file = await asyncBufferFromFile(path);
  return (await parquetReadObjects({ file, compressors, utf8: false })) as Record<string, Scalar>[];
}

export async function footer(path: string): ReturnType<typeof parquetMetadataAsync> {
  return parquetMetadataAsync(await asyncBufferFromFile(path));
}
