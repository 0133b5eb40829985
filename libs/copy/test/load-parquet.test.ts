import { postgres18 } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { DUCKDB_QUERY, ROWS, STORED_SQL, storedRow, VALUES } from './every-type.ts';
import { duckdbFile } from './parquet-writing.ts';

describe('a Parquet file', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const load: typeof loading.load = (...args) => loading.load(...args);

  it('of another writer is stored value by value, in a table of its own types or as text', async () => {
    for (const options of [', COMPRESSION zstd, ROW_GROUP_SIZE 2048', ', PARQUET_VERSION v2']) {
      const path = await duckdbFile(DUCKDB_QUERY, options);
      await db.sql('drop table if exists t');
      const report = await load(path, { create: true, force: true });
      expect(report.error).toBeNull();
      expect(report).toMatchObject({
        ...{ status: 'loaded', rowsLoaded: ROWS.length },
        lane: { name: 'text' },
      });
      const types = await db.sql<{ type: string }>(
        `select format_type(atttypid, atttypmod) as type from pg_attribute
          where attrelid = 't'::regclass and attnum > 1 order by attnum`,
      );
      expect(
        types.map(({ type }) =>
          type
            .replace(/ with(out)? time zone/, (w) => (w.includes('out') ? '' : 'tz'))
            .replace('timetz', 'time'),
        ),
      ).toEqual(VALUES.map(([, type]) => type.replace('timestamptz', 'timestamptz')));
      await db.sql("set timezone = 'UTC'");
      const stored = await db.sql<Record<string, string | null>>(STORED_SQL);
      expect(stored).toEqual(ROWS.map(storedRow));

      // Without the one type that has no encoder, all of it goes in the binary form.
      await db.sql('drop table t');
      const interval = `c${String(VALUES.length - 1)}`;
      const binary = await load(path, {
        ...{ create: true, force: true },
        mapping: { skip: [interval] },
      });
      expect(binary).toMatchObject({ status: 'loaded', lane: { name: 'binary', rowsText: 0 } });
      const kept = VALUES.slice(0, -1)
        .map((_, i) => `c${String(i)}::text`)
        .join(', ');
      const again = await db.sql<Record<string, string | null>>(
        `select id::text, ${kept} from t order by t.id`,
      );
      expect(again).toEqual(stored.map(({ [interval]: _, ...row }) => row));
    }
  });
});
