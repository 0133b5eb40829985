import { postgres18 } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { duckdbFile } from './parquet-writing.ts';

/** DuckDB's type, the table's, and values: as DuckDB is given them, and as PostgreSQL prints them. */
const VALUES: readonly (readonly [string, string, ...(string | readonly [string, string])[]])[] = [
  ['BOOLEAN', 'boolean', 'true', 'false'],
  ['TINYINT', 'smallint', '-128', '127'],
  ['SMALLINT', 'smallint', '-32768', '32767'],
  ['INTEGER', 'integer', '-2147483648', '2147483647', '0', '-1'],
  ['BIGINT', 'bigint', '-9223372036854775808', '9223372036854775807', '-1', '4294967296'],
  ['UTINYINT', 'smallint', '0', '255'],
  ['USMALLINT', 'integer', '0', '65535'],
  ['UINTEGER', 'bigint', '0', '4294967295'],
  ['UBIGINT', 'numeric(20,0)', '0', '18446744073709551615'],
  ['FLOAT', 'real', '0.1', '-1.5', 'NaN', 'Infinity', '-Infinity', ['-0.0', '-0'], '3.4028235e+38'],
  ['DOUBLE', 'double precision', '0.1', 'NaN', '-Infinity', ['-0.0', '-0'], '5e-324'],
  ['DECIMAL(4,1)', 'numeric(4,1)', '-999.9', '0.0', '0.1', '100.0'],
  ['DECIMAL(9,3)', 'numeric(9,3)', '-999999.999', '0.001', '10000.000', '1.500'],
  ['DECIMAL(18,4)', 'numeric(18,4)', '-99999999999999.9999', '0.0001', '12345678.9000', '0.0000'],
  [
    ...([
      'DECIMAL(38,10)',
      'numeric(38,10)',
      '0.0000000001',
      '1.0000000000',
      '0.0000000000',
    ] as const),
    '-9999999999999999999999999999.9999999999',
  ],
  ['DECIMAL(15,15)', 'numeric(15,15)', '0.999999999999999', '-0.000000000000001'],
  ['VARCHAR', 'text', '', ' ', 'a"b,c', 'a\nb\r\t\\', 'ä€𝄞', '\\N', 'x'.repeat(300)],
  ['BLOB', 'bytea', ['', '\\x'], ['\\x00\\xFFA', '\\x00ff41']],
  ['UUID', 'uuid', '00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
  [
    'DATE',
    'date',
    '0001-01-01',
    '1969-12-31',
    '1970-01-01',
    '9999-12-31',
    ['0044-03-15 (BC)', '0044-03-15 BC'],
  ],
  ['TIME', 'time', '00:00:00', '23:59:59.999999'],
  [
    ...(['TIMESTAMP', 'timestamp', '0001-01-01 00:00:00', '1969-12-31 23:59:59.999999'] as const),
    ...['1970-01-01 00:00:00', '2026-11-21 20:30:00.000001', '9999-12-31 23:59:59'],
  ],
  ['TIMESTAMP_MS', 'timestamp', '1969-12-31 23:59:59.999', '2026-11-21 20:30:00.001'],
  [
    'TIMESTAMP_NS',
    'timestamp',
    '1969-12-31 23:59:59.999999',
    '2026-11-21 20:30:00.000001',
    '2262-04-11 23:47:16',
  ],
  ['TIMESTAMPTZ', 'timestamptz', ['2026-03-29 03:30:00+02', '2026-03-29 01:30:00+00']],
  ["ENUM('sad', 'happy')", 'text', 'happy', 'sad'],
  ['JSON', 'json', '{"a":  1, "a": [null, "x\\n"]}'],
  ['INTERVAL', 'interval', ['14 months 3 days 1.5 seconds', '1 year 2 mons 3 days 00:00:01.5']],
];

describe('a Parquet file', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const load: typeof loading.load = (...args) => loading.load(...args);

  it('of another writer is stored value by value, in a table of its own types or as text', async () => {
    const rows: string[] = [];
    const expected: Record<string, unknown>[] = [];
    for (const [c, [, , ...values]] of VALUES.entries()) {
      for (const value of values) {
        const [given, stored] = typeof value === 'string' ? [value, value] : value;
        const cells = VALUES.map(([type], i) =>
          i === c ? `CAST('${given}' AS ${type})` : `CAST(NULL AS ${type})`,
        );
        expected.push({ id: expected.length, column: `c${String(c)}`, stored });
        rows.push(
          `SELECT ${String(rows.length)} AS id, ${cells.map((cell, i) => `${cell} AS c${String(i)}`).join(', ')}`,
        );
      }
    }
    for (const options of [', COMPRESSION zstd, ROW_GROUP_SIZE 2048', ', PARQUET_VERSION v2']) {
      const path = await duckdbFile(rows.join('\nUNION ALL '), options);
      await db.sql('drop table if exists t');
      const report = await load(path, { create: true, force: true });
      expect(report.error).toBeNull();
      expect(report).toMatchObject({
        ...{ status: 'loaded', rowsLoaded: expected.length },
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
      const columns = VALUES.map((_, i) => `c${String(i)}::text`).join(', ');
      await db.sql("set timezone = 'UTC'");
      const stored = await db.sql<Record<string, string | null>>(
        `select id, ${columns} from t order by id`,
      );
      for (const { id, column, stored: value } of expected) {
        expect([id, column, stored[Number(id)]?.[String(column)]]).toEqual([id, column, value]);
        expect(
          Object.values(stored[Number(id)] ?? {}).filter((each) => each !== null),
        ).toHaveLength(2);
      }

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
        `select id, ${kept} from t order by id`,
      );
      expect(again).toEqual(stored.map(({ [interval]: _, ...row }) => row));
    }
  });
});
