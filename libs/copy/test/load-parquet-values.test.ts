import { postgres18 } from '@copyline/testkit';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { duckdbFile } from './parquet-writing.ts';

describe('values of a Parquet file', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const load: typeof loading.load = (...args) => loading.load(...args);

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

  it('are the same in every lane and mode, with what is set', async () => {
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
