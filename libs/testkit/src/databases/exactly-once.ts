import { expect } from 'vitest';
import type { TestDatabase } from './test-database.ts';

/**
 * The oracle of every load: each generated row is in the table exactly once. Zero expected rows is
 * the other half of the promise: not at all.
 *
 * `table` is SQL text, quoted where it needs quotes; `rid` is the unique column of generated data.
 */
export async function rowsExactlyOnce(
  db: TestDatabase,
  table: string,
  expectedRows: number,
  { column = 'rid' }: { readonly column?: string } = {},
): Promise<void> {
  const [found] = await db.sql<{ rows: number; distinctRows: number }>(
    `select count(*)::float8 as "rows", count(distinct ${column})::float8 as "distinctRows"
       from ${table}`,
  );
  expect(found, `each of ${expectedRows} rows exactly once in ${table}`).toEqual({
    rows: expectedRows,
    distinctRows: expectedRows,
  });
}
