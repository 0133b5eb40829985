import { connect } from '@copyline/dws-client';
import { anyServer } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { readManifest, verifyExtract } from '../src/index.ts';
import { useExtracting } from './extracting.ts';
import { duckdb, footer, hyparquet, type Scalar } from './parquet-reading.ts';

/** What DuckDB calls the column, and values as PostgreSQL spells them, or as both do. */
const TYPES: Readonly<Record<string, readonly [string, ...(string | [string, string])[]]>> = {
  bool: ['BOOLEAN', 'true', 'false'],
  int2: ['SMALLINT', '-32768', '32767', '0', '-1'],
  int4: ['INTEGER', '-2147483648', '2147483647', '-1'],
  int8: ['BIGINT', '-9223372036854775808', '9223372036854775807', '-1'],
  float4: ['FLOAT', ['0.1', '0.10000000149011612'], '-1.5', 'NaN', 'Infinity', '-Infinity'],
  float8: ['DOUBLE', '0.1', '-1.5', 'NaN', 'Infinity', '-Infinity'],
  'numeric(1)': ['DECIMAL(1,0)', '0', '-9', '9'],
  'numeric(9,3)': ['DECIMAL(9,3)', '-999999.999', '0.001', '0.000', '10000.000', '1.500'],
  'numeric(12,2)': ['DECIMAL(12,2)', '-9999999999.99', '0.01', '12345678.90', '10000.00'],
  'numeric(15,15)': ['DECIMAL(15,15)', '0.999999999999999', '-0.000000000000001'],
  'numeric(18,4)': ['DECIMAL(18,4)', '-99999999999999.9999', '99999999999999.9999', '0.0001'],
  'numeric(38,10)': [
    ...(['DECIMAL(38,10)', '-9999999999999999999999999999.9999999999', '0.0000000001'] as const),
    ...['9999999999999999999999999999.9999999999', '1.0000000000', '0.0000000000'],
  ],
  'numeric(2,-3)': ['DECIMAL(5,0)', '99000', '-1000'],
  'numeric(2,5)': ['DECIMAL(5,5)', '0.00099', '-0.00001'],
  text: ['VARCHAR', '', ' ', 'a"b,c', 'a\nb\r', 'ä€𝄞', '\\N', 'x'.repeat(300)],
  'varchar(5)': ['VARCHAR', 'abc', ''],
  'char(3)': ['VARCHAR', ['a', 'a  ']],
  mood: ['VARCHAR', 'happy', 'sad'],
  json: ['JSON', '{"a":  1, "a": [null, "x\\n"]}', '1'],
  jsonb: ['JSON', '{"a": [1.00, "b"]}', 'null'],
  bytea: ['BLOB', ['\\x', ''], ['\\x00ff41', '\\x00\\xFFA']],
  uuid: ['UUID', '00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
  date: ['DATE', '0001-01-01', '1969-12-31', '1970-01-01', '9999-12-31', '2026-02-28'],
  time: ['TIME', '00:00:00', '23:59:59.999999'],
  timestamp: [
    ...(['TIMESTAMP', '0001-01-01 00:00:00', '1969-12-31 23:59:59.999999'] as const),
    ...['1970-01-01 00:00:00', '2026-11-21 20:30:00.000001', '9999-12-31 23:59:59'],
  ],
  timestamptz: [
    'TIMESTAMP WITH TIME ZONE',
    ['2026-03-29 03:30:00+02', '2026-03-29 01:30:00+00'],
    ['0001-01-01 00:00:00+00', '0001-01-01 00:00:00+00'],
  ],
  positive: ['INTEGER', '1'],
  short_amount: ['DECIMAL(5,1)', '1234.5'],
  numeric: ['VARCHAR', 'NaN', '1.10', '123456789012345678901234567890.12345678901234567890'],
  'numeric(60,2)': ['VARCHAR', '1.00'],
  interval: ['VARCHAR', '1 day 02:00:00'],
  'int4[]': ['VARCHAR', '{1,NULL}'],
  timetz: ['VARCHAR', '12:00:00+14'],
  inet: ['VARCHAR', ['10.0.0.1', '10.0.0.1/32']],
  money: ['VARCHAR', '$1.00'],
  xml: ['VARCHAR', '<a/>'],
  name: ['VARCHAR', 'x'],
  '"char"': ['VARCHAR', 'x'],
};

describe.each(anyServer())('a Parquet file from $name', (server) => {
  const extracting = useExtracting(server);
  const { db, extract, path } = extracting;

  it('has every type and value, for both readers, and NULL apart from nothing', async () => {
    await db.sql(`create type mood as enum ('sad', 'happy');
                  create domain positive as int check (value > 0);
                  create domain amount as numeric(5,1);
                  create domain short_amount as amount check (value > 0)`);
    const types = Object.keys(TYPES);
    const columns = types.map((type, i) => `c${String(i)} ${type}`);
    await db.sql(`set lc_monetary = 'C'; create table t (id int, ${columns.join(', ')})`);
    const expected: Record<string, string | null>[] = [];
    const nothing = Object.fromEntries(types.map((_, i) => [`c${String(i)}`, null]));
    for (const [i, [, ...values]] of Object.values(TYPES).entries()) {
      for (const value of values) {
        const [written, read] = typeof value === 'string' ? [value, value] : value;
        const id = expected.length;
        await db.sql(`insert into t (id, c${String(i)}) values ($1, $2)`, [id, written]);
        expected.push({ id: String(id), ...nothing, [`c${String(i)}`]: read });
      }
    }
    const file = path('out.parquet');
    const { error, report } = await extract({ from: { table: 't' }, to: { path: file } });
    expect(error).toBeUndefined();
    expect(report.rowsExtracted).toBe(expected.length);
    expect(report.warnings.map(({ code }) => code)).toEqual(['COLUMNS_AS_TEXT']);

    const described = await duckdb('describe select * from {}', file);
    expect(described.map(({ column_type: type }) => type)).toEqual([
      'INTEGER',
      ...Object.values(TYPES).map(([type]) => type),
    ]);
    expect(await duckdb('select * from {} order by id', file)).toEqual(expected);

    // The other reader knows texts, integers, bytes; decimals and times it turns into doubles and dates.
    const read = await hyparquet(file);
    for (const type of ['bool', 'int2', 'int4', 'int8', 'text', 'uuid', 'numeric', 'int4[]']) {
      const column = `c${String(types.indexOf(type))}`;
      expect(read.map((row) => textOf(row[column]))).toEqual(expected.map((row) => row[column]));
    }
  });

  it.each(['none', 'snappy', 'zstd'] as const)('packed with %s has the same sums', async (way) => {
    await db.sql(`create table t as
      select i as id, (i * 7919 % 100003)::numeric(12,2) / 4 as plain, (i % 997 / 4.0)::numeric(10,2) as amount,
             case when i % 3 > 0 then repeat(md5(i::text), i % 4) end as text, i % 5 = 0 as flag
        from generate_series(1, 30000) i`);
    const file = path('out.parquet');
    const { error, report } = await extract({
      ...{ from: { query: 'select id, amount, text, flag from t' }, to: { path: file } },
      compression: way,
    });
    expect(error).toBeUndefined();
    const [sums] = await db.sql<Record<string, string>>(
      `select count(*)::text as n, sum(amount)::text as amount, count(text)::text as texts,
              sum(length(text))::text as length, (count(*) filter (where flag))::text as flags from t`,
    );
    const sql = `select count(*) as n, sum(amount) as amount, count("text") as texts,
                        sum(length("text")) as length, count(*) filter (where flag) as flags from {}`;
    expect(await duckdb(sql, file)).toEqual([sums]);
    const rows = await hyparquet(file);
    expect(rows).toHaveLength(30_000);
    expect(rows.filter(({ flag }) => flag === true)).toHaveLength(Number(sums?.['flags']));
    expect(rows.filter(({ text }) => text !== null)).toHaveLength(Number(sums?.['texts']));

    const manifest = await readManifest(path('out.parquet.manifest.json'));
    expect(manifest).toMatchObject({ format: 'parquet', compression: way, rows: 30_000 });
    expect(manifest.csv).toBeUndefined();
    const verified = await verifyExtract(path('out.parquet.manifest.json'));
    expect(verified.report).toMatchObject({ status: 'verified', rows: report.rowsExtracted });
  });

  it('begins a row group when one is large enough, and knows its NULLs', async () => {
    const query = `select i, case when i % 2 = 0 then repeat(md5(i::text), 400) end as text
                     from generate_series(1, 12000) i`;
    const file = path('out.parquet');
    expect((await extract({ from: { query }, to: { path: file } })).error).toBeUndefined();
    const { row_groups: groups, num_rows: rows } = await footer(file);
    expect(rows).toBe(12_000n);
    expect(groups).toHaveLength(2);
    const nulls = groups.map((group) => group.columns[1]?.meta_data?.statistics?.null_count ?? 0n);
    expect(nulls.reduce((sum, n) => sum + n, 0n)).toBe(6_000n);
    for (const { columns } of groups) {
      for (const { meta_data: chunk } of columns) {
        expect(chunk?.total_compressed_size).toBeGreaterThan(0n);
      }
    }
    const sql = `select count(*) as n, sum(i) as sum, sum(length("text")) as length from {}`;
    const length = String(6_000 * 400 * 32);
    expect(await duckdb(sql, file)).toEqual([{ n: '12000', sum: '72006000', length }]);
  });

  it('without a row is a file with columns', async () => {
    const file = path('out.parquet');
    const { error } = await extract({
      ...{ from: { query: 'select 1 as a, now() as b where false' }, to: { path: file } },
    });
    expect(error).toBeUndefined();
    expect(await duckdb('select count(*) as n from {}', file)).toEqual([{ n: '0' }]);
    expect(await duckdb('describe select * from {}', file)).toHaveLength(2);
    expect(await hyparquet(file)).toEqual([]);
  });

  it.each([
    [{ rowsPerFile: 1000 }, [1000, 1000, 500]],
    [{ bytesPerFile: 40_000 }, undefined],
  ])('is split into several: %o', async (split, rows) => {
    const query = 'select i, md5(i::text) as text from generate_series(1, 2500) i';
    const { error, report } = await extract({
      ...{ from: { query }, to: { path: path('out.parquet') } },
      ...split,
    });
    expect(error).toBeUndefined();
    const files = report.files.map(({ name }) => path(name));
    expect(files.length).toBeGreaterThan(2);
    if (rows !== undefined) expect(report.files.map((file) => file.rows)).toEqual(rows);
    expect(report.files.every(({ bytes }) => bytes <= 45_000)).toBe(true);
    const sql = 'select count(*) as n, sum(i) as sum from {}';
    expect(await duckdb(sql, ...files)).toEqual([{ n: '2500', sum: '3126250' }]);
  });

  it.each([
    ['date', 'infinity', 'infinity'],
    ['date', '0001-12-31 BC', 'a date BC'],
    ['timestamp', '-infinity', '-infinity'],
    ['timestamp', '0001-12-31 23:59:59.999999 BC', 'a timestamp BC'],
    ['timestamp', '294276-12-31', 'a timestamp after 294246'],
    ['timestamptz', 'infinity', 'infinity'],
    ['time', '24:00:00', '24:00:00'],
    ['numeric(10,2)', 'NaN', 'NaN'],
  ])('cannot have every %s: %s is refused by row and column', async (type, value, excerpt) => {
    await db.sql(`create table t (id int, v ${type})`);
    await db.sql('insert into t select i, null from generate_series(1, 2500) i');
    await db.sql('insert into t values (0, $1)', [value]);
    const spec = { from: { table: 't' }, to: { path: path('out.parquet') } };
    for (const split of [{}, { rowsPerFile: 700 }]) {
      const { error } = await extract({ ...spec, ...split });
      expect(error).toMatchObject({
        ...{ code: 'VALUE_UNREPRESENTABLE', located: true },
        place: { record: 2501, column: 'v', excerpt },
      });
      expect(await extracting.names()).toEqual([]);
    }
  });

  it('has no text that is not UTF-8: the server sees to it, also without an encoding', async () => {
    await db.sql(
      `create database ascii_${db.schema} encoding 'SQL_ASCII' locale 'C' template template0`,
    );
    const target = new URL(extracting.target());
    target.pathname = `ascii_${db.schema}`;
    target.searchParams.delete('options');
    const connection = await connect({ target: target.href });
    try {
      for (const [query, code] of [
        [`select E'\\xff' as v`, 'VALUE_REFUSED'],
        [`select 'ä' as v`, undefined],
      ]) {
        const { error } = await extract(
          { from: { query: query ?? '' }, to: { path: path('out.parquet') } },
          { connection },
        );
        expect(error?.code).toBe(code);
      }
      expect(await duckdb('select v from {}', path('out.parquet'))).toEqual([{ v: 'ä' }]);
    } finally {
      await connection.close();
      await db.sql(`drop database ascii_${db.schema}`);
    }
  });

  it.each([
    [{ csv: { delimiter: ';' } }, 'CONFIG_INVALID'],
    [{ compression: 'gzip' as const }, 'CONFIG_INVALID'],
    [{ format: 'csv' as const, compression: 'zstd' as const }, 'CONFIG_INVALID'],
    [{ from: { query: 'select 1 as a, 2 as a' } }, 'QUERY_INVALID'],
  ])('is refused where it makes no sense: %o', async (spec, code) => {
    const { error } = await extract({
      ...{ from: { query: 'select 1 as a' }, to: { path: path('out.parquet') } },
      ...spec,
    });
    expect(error?.code).toBe(code);
  });

  it('need not be called so', async () => {
    const { error, report } = await extract({
      ...{ from: { query: 'select 1 as a' }, to: { path: path('data') }, format: 'parquet' },
    });
    expect(error).toBeUndefined();
    expect(await duckdb('select a from {}', path(report.files[0]?.name ?? ''))).toEqual([
      { a: '1' },
    ]);
  });
});

function textOf(value: Scalar | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
