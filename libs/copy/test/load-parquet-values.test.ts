import { postgres18 } from '@copyline/testkit';
import type { SchemaElement } from 'hyparquet';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { BYTES, int32s, int64s, LONG, rawParquet, texts } from './parquet-raw.ts';
import { duckdbFile } from './parquet-writing.ts';

const NANOS = { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' } as const;
const nanos: SchemaElement = { ...LONG, logical_type: NANOS };
const unsigned: SchemaElement = { ...LONG, converted_type: 'UINT_64' };
const int96: SchemaElement = { name: 'i', type: 'INT96', repetition_type: 'REQUIRED' };
const half: SchemaElement = {
  ...{ name: 'i', type: 'FIXED_LEN_BYTE_ARRAY', type_length: 2, repetition_type: 'REQUIRED' },
  logical_type: { type: 'FLOAT16' },
};
const decimal = (type: 'BYTE_ARRAY' | 'INT32', scale: number): SchemaElement => ({
  ...{ name: 'i', type, repetition_type: 'REQUIRED' },
  ...{ converted_type: 'DECIMAL', precision: 9, scale },
});
/** Nanoseconds of the day, and its Julian number. */
const int96s = (...values: readonly (readonly [bigint, number])[]): Buffer =>
  Buffer.concat(values.flatMap(([ns, day]) => [int64s(ns), int32s(day)]));
const halves = (...bits: readonly number[]): Buffer => Buffer.from(Uint16Array.from(bits).buffer);
const element = (more: Partial<SchemaElement> & Pick<SchemaElement, 'type'>): SchemaElement => ({
  ...{ name: 'i', repetition_type: 'REQUIRED' },
  ...more,
});

/** A column, its type in the table, and what is stored; or the code and a part of what is said. */
const CASES: readonly (readonly [
  string,
  SchemaElement,
  Buffer,
  number,
  string,
  readonly string[] | readonly [RegExp],
])[] = [
  [
    'nanoseconds',
    nanos,
    int64s(1_000n, -1_000n),
    2,
    'timestamp',
    ['1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999'],
  ],
  [
    'nanoseconds that would be lost',
    nanos,
    int64s(1_000n, 1_001n),
    2,
    'timestamp',
    [/^VALUE_LOSSY 2 .*1970-01-01 00:00:00.000001001/],
  ],
  ['the same, before 1970', nanos, int64s(-1n), 1, 'timestamptz', [/^VALUE_LOSSY 1 /]],
  ['nanoseconds as text', nanos, int64s(1_001n), 1, 'text', ['1970-01-01 00:00:00.000001001']],
  [
    'unsigned beyond the column',
    unsigned,
    int64s(1n, -1n),
    2,
    'bigint',
    [/^VALUE_REFUSED 2 .*18446744073709551615/],
  ],
  ['unsigned in numeric', unsigned, int64s(-1n), 1, 'numeric', ['18446744073709551615']],
  ['a narrower integer', LONG, int64s(7n, 40_000n), 2, 'smallint', [/^VALUE_REFUSED 2 /]],
  ['a wider integer', element({ type: 'INT32' }), int32s(-7), 1, 'bigint', ['-7']],
  ['an integer as text', LONG, int64s(-(2n ** 63n)), 1, 'text', ['-9223372036854775808']],
  [
    'an integer in numeric(5,2)',
    LONG,
    int64s(999n, 1000n),
    2,
    'numeric(5,2)',
    [/^VALUE_REFUSED 2 .*overflow/],
  ],
  [
    'an integer as a date',
    LONG,
    int64s(20_240_101n),
    1,
    'date',
    [/^COLUMN_TYPE_MISMATCH undefined .*int64/],
  ],
  [
    'INT96',
    int96,
    int96s([1_000n, 2_440_588], [0n, 2_460_000]),
    2,
    'timestamp',
    ['1970-01-01 00:00:00.000001', '2023-02-24 00:00:00'],
  ],
  [
    'INT96 beyond what nanoseconds hold',
    int96,
    int96s([0n, 1_721_426], [0n, 5_373_484]),
    2,
    'timestamp',
    ['0001-01-01 00:00:00', '9999-12-31 00:00:00'],
  ],
  [
    'INT96 finer than microseconds',
    int96,
    int96s([1n, 2_440_588]),
    1,
    'timestamp',
    [/^VALUE_LOSSY 1 /],
  ],
  [
    'INT96 beyond the server',
    int96,
    int96s([0n, 2_147_483_647]),
    1,
    'timestamp',
    [/^VALUE_REFUSED 1 /],
  ],
  [
    'half floats',
    half,
    halves(0x3c00, 0xc000, 0x7c00, 0x7e00, 0x8000, 0x0001),
    6,
    'real',
    ['1', '-2', 'Infinity', 'NaN', '-0', '5.9604645e-08'],
  ],
  [
    'a double that a float holds',
    element({ type: 'DOUBLE' }),
    Buffer.from(Float64Array.of(0.5, -0).buffer),
    2,
    'real',
    ['0.5', '-0'],
  ],
  [
    'a double that no float holds',
    element({ type: 'DOUBLE' }),
    Buffer.from(Float64Array.of(0.1).buffer),
    1,
    'real',
    [/^VALUE_LOSSY 1 .*0.1/],
  ],
  [
    'decimals of any bytes',
    decimal('BYTE_ARRAY', 2),
    texts(Buffer.from([1]), Buffer.from([0xff, 0x9c]), ''),
    3,
    'numeric',
    ['0.01', '-1.00', '0.00'],
  ],
  [
    'a decimal in a narrower scale',
    decimal('INT32', 4),
    int32s(12_300, -12_300),
    2,
    'numeric(9,2)',
    ['1.23', '-1.23'],
  ],
  [
    'a decimal that would be rounded',
    decimal('INT32', 4),
    int32s(12_345),
    1,
    'numeric(9,2)',
    [/^VALUE_LOSSY 1 .*1.2345/],
  ],
  [
    'a decimal in an integer',
    decimal('INT32', 2),
    int32s(100),
    1,
    'int',
    [/VALUE_REFUSED 1 .*1\.00/],
  ],
  [
    'bytes that are no UTF-8',
    BYTES,
    texts('ok', Buffer.from([0x66, 0xff])),
    2,
    'text',
    [/^\w+ 2 .*UTF8/],
  ],
  ['NUL in a text', BYTES, texts('a\0b'), 1, 'varchar', [/^\w+ 1 .*0x00/]],
  ['texts without an annotation', BYTES, texts('ä', ''), 2, 'varchar(3)', ['ä', '']],
  [
    'a text that is too long',
    BYTES,
    texts('abc', 'abcd'),
    2,
    'varchar(3)',
    [/^VALUE_REFUSED 2 .*too long/],
  ],
  [
    'texts of another type',
    { ...BYTES, converted_type: 'UTF8' },
    texts('2024-02-29', 'yesterday'),
    2,
    'date',
    ['2024-02-29', 'today'],
  ],
  [
    'texts that are no such',
    { ...BYTES, converted_type: 'UTF8' },
    texts('1', 'x'),
    2,
    'int',
    [/^VALUE_REFUSED 2 /],
  ],
  [
    'documents',
    { ...BYTES, converted_type: 'JSON' },
    texts('{"b":1, "a":2}'),
    1,
    'jsonb',
    ['{"a": 2, "b": 1}'],
  ],
  [
    'no document',
    { ...BYTES, converted_type: 'JSON' },
    texts('{}', '{'),
    2,
    'jsonb',
    [/^\w+ 2 .*json/],
  ],
  ['an enum', { ...BYTES, converted_type: 'ENUM' }, texts('happy'), 1, 'mood', ['happy']],
  [
    'no label of the enum',
    { ...BYTES, converted_type: 'ENUM' },
    texts('happy', 'glad'),
    2,
    'mood',
    [/^VALUE_REFUSED 2 .*glad/],
  ],
  [
    'an unknown annotation',
    { ...BYTES, logical_type: { type: 'BSON' } },
    texts('x'),
    1,
    'bytea',
    ['\\x78'],
  ],
  [
    'milliseconds beyond the server',
    element({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }),
    int64s(2n ** 62n),
    1,
    'timestamp',
    [/^VALUE_REFUSED 1 /],
  ],
  [
    'an instant without time zone',
    element({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }),
    int64s(-1n),
    1,
    'timestamp',
    ['1969-12-31 23:59:59.999'],
  ],
  [
    'a date beyond the server',
    element({ type: 'INT32', converted_type: 'DATE' }),
    int32s(2_147_483_647),
    1,
    'date',
    [/^VALUE_REFUSED 1 /],
  ],
  [
    'a date in a timestamp',
    element({ type: 'INT32', converted_type: 'DATE' }),
    int32s(-1),
    1,
    'timestamp',
    ['1969-12-31 00:00:00'],
  ],
];

describe('values of a Parquet file', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const write: typeof loading.write = (...args) => loading.write(...args);
  const load: typeof loading.load = (...args) => loading.load(...args);

  it('become what they are in the column’s type, or are refused at their place', async () => {
    await db.sql("create type mood as enum ('sad', 'happy'); set datestyle = 'ISO'");
    for (const [what, column, pages, count, type, expected] of CASES) {
      await db.sql(`drop table if exists t; create table t (n serial, i ${type})`);
      const path = await write(rawParquet([{ element: column, pages, count }]), 'file.parquet');
      const { error } = await load(path, { force: true });
      const [first] = expected;
      if (first instanceof RegExp) {
        expect([
          what,
          `${error?.code ?? ''} ${String(error?.record ?? undefined)} ${error?.message ?? ''}`,
        ]).toEqual([what, expect.stringMatching(first)]);
        if (error?.record !== null)
          expect([what, error?.column, error?.rowGroup]).toEqual([what, 'i', 0]);
        expect(await db.sql('select * from t')).toEqual([]);
        continue;
      }
      expect([what, error]).toEqual([what, null]);
      const rows = await db.sql<{ i: string }>('select i::text from t order by n');
      if (what === 'texts of another type') expect(rows).toHaveLength(2);
      else expect([what, rows.map(({ i }) => i)]).toEqual([what, expected]);
    }
  });

  it('are cut off at microseconds where that is asked for', async () => {
    await db.sql('create table t (n serial, i timestamp)');
    const path = await write(
      rawParquet([{ element: nanos, pages: int64s(1_999n, -1n), count: 2 }]),
    );
    const parquet = { nanoseconds: 'truncate' } as const;
    expect((await load(path, { parquet })).error).toBeNull();
    expect(await db.sql('select i::text from t order by n')).toEqual([
      { i: '1970-01-01 00:00:00.000001' },
      { i: '1969-12-31 23:59:59.999999' },
    ]);
  });

  it('that are nested are refused, or documents', async () => {
    const path = await duckdbFile(
      `select * from (values
         (1, [1, NULL, 3], {'a': 'x"y', 'b': [1.5, 'NaN'::double]}, map {'k': 1, 'l': NULL}, [[1], [], NULL]),
         (2, [], NULL, map {}, []),
         (3, NULL, {'a': NULL, 'b': NULL}, NULL, NULL)) v(i, list, struct, map, deep)`,
    );
    await db.sql('create table t (i int, list jsonb, struct jsonb, map json, deep text)');
    const refused = await load(path);
    expect(refused.error).toMatchObject({ code: 'PARQUET_NESTED', column: 'list' });
    expect((await load(path, { parquet: { nested: 'json' } })).error).toBeNull();
    expect(await db.sql('select * from t order by i')).toEqual([
      {
        ...{ i: 1, list: [1, null, 3], struct: { a: 'x"y', b: [1.5, 'NaN'] } },
        ...{ map: { k: 1, l: null }, deep: '[[1],[],null]' },
      },
      { i: 2, list: [], struct: null, map: {}, deep: '[]' },
      { i: 3, list: null, struct: { a: null, b: null }, map: null, deep: null },
    ]);
    await db.sql('drop table t');
    const skip = { skip: ['list', 'struct', 'map', 'deep'] };
    expect((await load(path, { create: true, force: true, mapping: skip })).rowsLoaded).toBe(3);
    await db.sql('drop table t');
    const created = await load(path, { create: true, force: true, parquet: { nested: 'json' } });
    expect(created.error).toBeNull();
    expect(await db.sql('select struct from t where i = 1')).toEqual([
      { struct: { a: 'x"y', b: [1.5, 'NaN'] } },
    ]);
  });

  it('of one file are the same as of the same rows in CSV, in every lane, with what is set', async () => {
    const query = `select i, case when i % 7 > 0 then (i * 37 % 1000 / 8.0)::decimal(9,3) end as amount,
      case when i % 3 = 0 then NULL when i % 3 = 1 then '' else 'text, "' || i end as text, i % 2 = 0 as flag
      from range(20000) x(i)`;
    const parquet = await duckdbFile(query, ', ROW_GROUP_SIZE 4096');
    const mapping = { set: { src: 'a\\b', rec: { from: 'record' as const } }, skip: ['flag'] };
    const create = 'create table t (i bigint, amount numeric, text text, src text, rec int)';
    const content = async (): Promise<unknown> =>
      (
        await db.sql(`select count(*)::int n, md5(string_agg(t::text, '|' order by i)) md5 from t`)
      )[0];
    await db.sql(create);
    const first = await load(parquet, { mapping });
    expect(first).toMatchObject({
      status: 'loaded',
      rowsParsed: 20_000,
      lane: { name: 'binary', rowsText: 0 },
    });
    expect(first.files[0]).toMatchObject({ bytes: (await readFile(parquet)).length });
    const binary = await content();
    expect(await load(parquet, { mapping })).toMatchObject({ deduplicated: true });
    for (const options of [{ lane: 'text' }, { onError: 'continue' }] as const) {
      await db.sql(`drop table t; ${create}`);
      const report = await load(parquet, { mapping, force: true, ...options });
      expect(report).toMatchObject({
        status: 'loaded',
        rowsLoaded: 20_000,
        files: [{ digest: first.files[0]?.digest }],
      });
      expect(await content()).toEqual(binary);
    }
  });

  it('that are refused are kept as CSV in continue mode, and can be loaded again', async () => {
    await db.sql('create table t (i smallint check (i <> 5), text varchar(3))');
    const path = await duckdbFile(
      `select i, case i when 8 then 'too, long' when 7 then '' else NULL end as text, 1 as other
         from (values (1), (2), (40000), (5), (7), (8)) v(i)`,
    );
    const rejectsFile = `${path}.rejects.csv`;
    const report = await load(path, {
      onError: 'continue',
      rejectsFile,
      mapping: { skip: ['other'] },
    });
    expect(report).toMatchObject({ status: 'loaded', rowsLoaded: 3, rowsRejected: 3 });
    expect(
      report.rejects.map(({ record, line, column, byteOffset }) => [
        record,
        line,
        column,
        byteOffset,
      ]),
    ).toEqual([
      [3, 0, 'i', null],
      [4, 0, null, null],
      [6, 0, 'text', null],
    ]);
    expect(report.rejects.every(({ reason }) => reason.endsWith('(row group 0)'))).toBe(true);
    expect(await readFile(rejectsFile, 'utf8')).toBe(
      'i,text,other\n40000,,\n5,,\n8,"too, long",\n',
    );
    await db.sql('drop table t; create table t (i int, text text)');
    expect((await load(rejectsFile, { mapping: { skip: ['other'] } })).rowsLoaded).toBe(3);
    expect(await db.sql('select * from t order by i desc limit 1')).toEqual([
      { i: 40_000, text: null },
    ]);
  });
});
