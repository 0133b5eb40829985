import { connect } from '@copyline/dws-client';
import { postgres18 } from '@copyline/testkit';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { loadManifest } from '../src/index.ts';
import { useExtracting } from './extracting.ts';

describe('a manifest', () => {
  const extracting = useExtracting(postgres18());
  const { db, extract, path } = extracting;
  const manifest = (name = 'out.csv'): string => path(`${name}.manifest.json`);
  const load = (
    name = 'out.csv',
    signal?: AbortSignal,
    spec: object = {},
  ): ReturnType<typeof loadManifest> =>
    loadManifest(
      manifest(name),
      { into: `${db.schema}.again`, ledgerSchema: db.schema, ...spec },
      { connect: () => connect({ target: extracting.target() }), database: db.database },
      signal === undefined ? {} : { signal },
    );
  const count = async (): Promise<unknown> =>
    (await db.sql('select count(*)::int n from again'))[0];

  it('of several files is loaded file by file, also where two are the same, once', async () => {
    await db.sql('create table again (i int, text text)');
    const query = `select i % 2 as i, case when i % 4 < 2 then '' end as text from generate_series(1, 10) i order by 2, 1`;
    const split = { rowsPerFile: 2, csv: { delimiter: ';', null: 'NULL' } };
    expect((await extract({ from: { query }, ...split })).error).toBeUndefined();
    const first = await load();
    expect(first.error).toBeUndefined();
    expect(first.report).toMatchObject({ status: 'loaded', rowsLoaded: 10, source: manifest() });
    expect(first.report.files.map(({ rowsLoaded }) => rowsLoaded)).toEqual([2, 2, 2, 2, 2]);
    expect(
      await db.sql(`(${query.replace(' order by 2, 1', '')} except all select * from again)
        union all (select * from again except all ${query.replace(' order by 2, 1', '')})`),
    ).toEqual([]);
    const second = await load();
    expect(second.report).toMatchObject({ status: 'loaded', deduplicated: true, rowsLoaded: 10 });
    expect(await count()).toEqual({ n: 10 });
  });

  it('stops at the first file that fails, says what is loaded, and goes on there', async () => {
    await db.sql('create table again (i int check (i <> 5))');
    await extract({ from: { query: 'select i from generate_series(1, 6) i' }, rowsPerFile: 2 });
    const { report, error } = await load();
    expect(error).toMatchObject({ code: 'CONSTRAINT_VIOLATED', place: { record: 1 } });
    expect(error?.message).toMatch(/^2 of 3 files are loaded; then: /);
    expect(report).toMatchObject({ status: 'failed', rowsLoaded: 4, error: { code: error?.code } });
    expect(report.files).toHaveLength(2);
    expect(await count()).toEqual({ n: 4 });

    await db.sql('alter table again drop constraint again_i_check');
    expect((await load()).report).toMatchObject({ status: 'loaded', rowsLoaded: 6 });
    expect(await count()).toEqual({ n: 6 });
  });

  it('whose files are not as written loads nothing', async () => {
    await db.sql('create table again (i int)');
    await extract({ from: { query: 'select i from generate_series(1, 6) i' }, rowsPerFile: 2 });
    await appendFile(path('out-00003.csv'), '7\n');
    const { report, error } = await load();
    expect(error).toMatchObject({ code: 'MANIFEST_MISMATCH' });
    expect(report).toMatchObject({ status: 'failed', rowsLoaded: 0, files: [] });
    expect(await count()).toEqual({ n: 0 });
  });

  it('without a row, and without a header, is a load of nothing', async () => {
    await db.sql('create table again (i int)');
    const query = 'select 1 as i where false';
    await extract({ from: { query }, csv: { header: false } });
    expect((await load()).report).toMatchObject({ status: 'loaded', rowsLoaded: 0 });
  });

  it('of Parquet files is loaded like one of CSV, value by value', async () => {
    await db.sql(`create table source (i int, n numeric(30,5), t timestamptz, d date, b bytea, u uuid,
                                       j jsonb, text text, f float8, flag bool, amounts int[]);
      insert into source select i, i / 7.0, '2026-01-01Z'::timestamptz + i * interval '1.000001 s',
        '0001-01-01'::date + i, decode(md5(i::text), 'hex'), md5(i::text)::uuid,
        jsonb_build_object('i', i), case when i % 3 > 0 then repeat('ä', i % 3 - 1) end, i / 3.0,
        i % 2 = 0, array[i, null] from generate_series(1, 3000) i;
      create table again (like source)`);
    const to = { path: path('out.parquet') };
    expect((await extract({ from: { table: 'source' }, to, rowsPerFile: 1000 })).error).toBe(
      undefined,
    );
    expect((await load('out.parquet')).report).toMatchObject({
      status: 'loaded',
      rowsLoaded: 3000,
    });
    const different = `(select * from source except all select * from again)
             union all (select * from again except all select * from source)`;
    expect(await db.sql(different)).toEqual([]);
    expect((await load('out.parquet')).report).toMatchObject({ deduplicated: true });
  });

  it('of packed files is loaded, once', async () => {
    await db.sql('create table again (i int)');
    const query = 'select i from generate_series(1, 6) i';
    await extract({ from: { query }, rowsPerFile: 4, to: { path: path('out.csv.gz') } });
    expect((await load('out.csv.gz')).report).toMatchObject({ error: null, rowsLoaded: 6 });
    expect((await load('out.csv.gz')).report).toMatchObject({ deduplicated: true });
    expect(await count()).toEqual({ n: 6 });
  });

  it('is interrupted before the first file', async () => {
    await db.sql('create table again (i int)');
    await extract({ from: { query: 'select 1 as i' } });
    const { report, error } = await load('out.csv', AbortSignal.abort());
    expect(error?.code).toBe('INTERRUPTED');
    expect(report.status).toBe('interrupted');
    expect(await count()).toEqual({ n: 0 });
  });

  it('that is none is refused', async () => {
    await writeFile(manifest(), '{}');
    expect((await load()).error?.code).toBe('MANIFEST_INVALID');
    expect(await readFile(manifest(), 'utf8')).toBe('{}');
  });
});
