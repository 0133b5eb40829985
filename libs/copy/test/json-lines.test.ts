import type { LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { postgres18 } from '@copyline/testkit';
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { describeTable, replayRejects } from '../src/index.ts';
import { RUNS } from './csv-arbitrary.ts';
import { expectNothingStored, useLoading } from './csv-loading.ts';

const lines = (...objects: readonly unknown[]): string =>
  objects.map((each) => `${typeof each === 'string' ? each : JSON.stringify(each)}\n`).join('');

const LAX: Partial<LoadSpecInput> = { mapping: { missingColumns: 'default' } };

// What is made of a line is no affair of the server's.
describe.each([postgres18()])('JSON Lines on $name', (server) => {
  const loading = useLoading(server);
  const rows = (): Promise<unknown[]> => loading.db.sql('select * from t order by 1');
  const write = (content: string | Buffer, name = 'in.jsonl'): Promise<string> =>
    loading.write(content, name);

  it('is the same table as CSV, packed or not, known by its name or its content', async () => {
    const csv = 'id,name,qty,ok,at\n1,"a ""b"", c",1.50,true,2026-01-02\n2,,,false,\n3,"",-7,,\n';
    const json = lines(
      '{"id":1,"name":"a \\"b\\", c","qty":1.50,"ok":true,"at":"2026-01-02"}\r',
      { at: null, ok: false, qty: null, name: null, id: 2 },
      '',
      ' { "id" : 3 , "name" : "" , "qty" : -7 , "ok" : null , "at" : null } ',
    );
    const sources = [
      [csv, 'in.csv'],
      [json, 'in.jsonl'],
      [json, 'in.csv'],
      [`\ufeff${json}`, 'in.txt'],
      [gzipSync(json), 'in.ndjson.gz'],
      [Buffer.from(`\ufeff${json}`, 'utf16le'), 'in.jsonl'],
    ] as const;
    const tables = [];
    for (const [content, name] of sources) {
      const path = await write(Buffer.from(content), name);
      const report = await loading.load(path, { create: true });
      expect(report).toMatchObject({ error: null, rowsParsed: 3, rowsLoaded: 3 });
      expect(report).toMatchObject({ bytesRead: Buffer.byteLength(content) });
      tables.push(
        await loading.db.sql(`select attname, atttypid::regtype::text as type from pg_attribute
                               where attrelid = 't'::regclass and attnum > 0`),
        await rows(),
      );
      await loading.db.sql('drop table t');
    }
    const [types, stored] = tables;
    expect(stored).toHaveLength(3);
    for (const [i, each] of tables.entries()) expect(each).toEqual(i % 2 === 0 ? types : stored);
    const path = await write(json);
    const { columns } = await describeTable({ source: { path }, into: 't' }, () => undefined);
    expect(columns.map(({ type }) => type)).toEqual([
      'bigint',
      'text',
      'numeric',
      'boolean',
      'date',
    ]);
  });

  it('values never go through a number, strings are what they say, objects stay as written', async () => {
    await loading.db.sql(
      'create table t (k text, n numeric, s text, j json, b jsonb, "__proto__" text)',
    );
    const path = await write(
      lines(
        '{"k":"1","n":9007199254740993,"s":"\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/","j":{"a": [1.0, "\\""]},"b":"x","__proto__":"p"}',
        '{"k":"2","n":1e400,"s":{"b":1, "a":[]},"j":"\\u0041","b":[1,1.0],"__proto__":{}}',
        '{"k":"3","n":0.10,"s":1.0,"j":null,"b":false,"__proto__":""}',
      ),
    );
    expect((await loading.load(path)).error).toBeNull();
    const stored = await loading.db.sql(
      'select n::text, s, j::text as j, b::text as b, "__proto__" as p from t order by k',
    );
    expect(stored).toEqual([
      { n: '9007199254740993', s: 'é😀\n"\\/', j: '{"a": [1.0, "\\""]}', b: '"x"', p: 'p' },
      { n: `1${'0'.repeat(400)}`, s: '{"b":1, "a":[]}', j: '"\\u0041"', b: '[1, 1.0]', p: '{}' },
      { n: '0.10', s: '1.0', j: null, b: 'false', p: '' },
    ]);
  });

  it('a key that is missing, and one that no column has: refused, or as told', async () => {
    await loading.db.sql(`create table t (a int, b text, c int default 7, "D" text)`);
    const path = await write(lines({ a: 1, b: 'x' }, { a: 2, x: 1 }));
    const refused = await loading.load(path);
    expect(refused.error).toMatchObject({ code: 'HEADER_MISMATCH' });
    expect(refused.error?.message).toContain('only in the file: “x”; only in the table: “D”');
    const mapping = { missingColumns: 'default', extraColumns: 'skip' } as const;
    const report = await loading.load(path, { mapping });
    expect(report).toMatchObject({ error: null, columns: { skipped: ['x'], defaulted: ['c'] } });
    expect(await rows()).toEqual([
      { a: 1, b: 'x', c: 7, D: null },
      { a: 2, b: null, c: 7, D: null },
    ]);
    // A thousand objects in, with a key that none of them had: not silently left out.
    const many = Array.from({ length: 1000 }, (_, i) => ({ a: i, b: '' }));
    const late = await loading.load(await write(lines(...many, { a: 1, d: 'D' }, { a: 2, c: 3 })), {
      mapping,
    });
    expect(late.error).toMatchObject({ code: 'UNKNOWN_KEY', record: 1001, column: 'd' });
    const named = await loading.load(await write(lines({ c: 3, a: 1 }, { a: 1 })), {
      columns: ['a', 'c'],
    });
    expect(named.error).toMatchObject({ code: 'MISSING_KEY', record: 2, line: 2, column: 'c' });
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['no object', '⟦[1]', { code: 'INVALID_JSON' }],
    ['a number', '⟦1', { code: 'INVALID_JSON' }],
    ['not closed', '{"a":"1","b":"2"⟦', { code: 'INVALID_JSON' }],
    ['two of them', '{"a":"1","b":"2"} ⟦{}', { code: 'INVALID_JSON' }],
    ['a comma at the end', '{"a":"1","b":"2",⟦}', { code: 'INVALID_JSON' }],
    ['no colon', '{"a" ⟦"1"}', { code: 'INVALID_JSON' }],
    ['a number that is none', '{"a":⟦01,"b":"2"}', { code: 'INVALID_JSON', column: 'a' }],
    ['NaN', '{"a":"1","b":⟦NaN}', { code: 'INVALID_JSON', column: 'b' }],
    ['half a pair', '{"a":"1","b":"x⟦\\ud800\\u0041"}', { code: 'INVALID_JSON', column: 'b' }],
    ['the other half', '{"a":"⟦\\udc00","b":""}', { code: 'INVALID_JSON', column: 'a' }],
    ['a NUL', '{"a":"1","b":"x⟦\\u0000"}', { code: 'NUL_BYTE', column: 'b' }],
    ['a key twice', '{"a":"1",⟦"\\u0061":"2","b":""}', { code: 'DUPLICATE_KEY', column: 'a' }],
    ['a key too many', '{"a":"1","b":"",⟦"c":1}', { code: 'UNKNOWN_KEY', column: 'c' }],
    ['a key too few', '⟦{"a":"1"}', { code: 'MISSING_KEY', column: 'b' }],
    ['deeper than a hundred', `{"a":"1","b":⟦${'['.repeat(200)}${']'.repeat(200)}}`, {}],
  ])('%s: refused at its place, or kept as it is', async (_, marked, error) => {
    await loading.db.sql('create table t (a text, b text)');
    const bad = marked.replace('⟦', '');
    const before = '{"a":"line\\nend","b":"é"}\n\n';
    const content = `${before}${bad}\n{"b":"y","a":"x"}\n`;
    const byteOffset = Buffer.byteLength(before) + marked.indexOf('⟦');
    const place = { record: 2, line: 3, byteOffset, ...error };
    const path = await write(content);
    // The first objects tell the keys.
    const columns = ['a', 'b'];
    const strict = await loading.load(path, { columns });
    expect(strict.error).toMatchObject({ located: true, source: path, ...place });
    await expectNothingStored(loading, strict);
    const rejectsFile = `${path}.rejects`;
    const report = await loading.load(path, { columns, onError: 'continue', rejectsFile });
    expect(report).toMatchObject({ error: null, rowsLoaded: 2, rejects: [place] });
    expect(await readFile(rejectsFile, 'utf8')).toBe(`${bad}\n`);
  });

  it('what an encoder, a constraint or UTF-8 refuses is placed and kept, too, and loads again', async () => {
    await loading.db.sql('create table t (a int check (a <> 4), b text, j jsonb)');
    const bad = [
      Buffer.from('{"a":"x","b":"q\\"\\n","j":{"k":"v,\\""}}\n'),
      Buffer.from('{"j":1,"b":"","a":4}\n'),
      Buffer.from('{"a":5,"b":"\xff","j":2}\n', 'latin1'),
    ];
    const [first, second, third] = bad as [Buffer, Buffer, Buffer];
    const good = Buffer.from('{"a":1,"b":"y","j":"s"}\n');
    const path = await write(Buffer.concat([good, first, second, third, good]));
    const rejectsFile = `${path}.rejects`;
    const report = await loading.load(path, { onError: 'continue', rejectsFile });
    const at = good.length;
    expect(report).toMatchObject({
      error: null,
      rowsLoaded: 2,
      rejects: [
        { record: 2, line: 2, column: 'a', code: 'VALUE_REFUSED', byteOffset: at },
        { record: 3, line: 3, code: 'CONSTRAINT_VIOLATED', byteOffset: at + first.length },
        { record: 4, line: 4, column: 'b', code: 'INVALID_UTF8' },
      ],
    });
    expect(await readFile(rejectsFile)).toEqual(Buffer.concat(bad));
    await loading.db.sql('alter table t drop constraint t_a_check');
    const again = await loading.load(rejectsFile, { onError: 'continue' });
    expect(again).toMatchObject({ rowsLoaded: 1, rowsRejected: 2 });
    const replayed = await replayRejects(
      report.loadId ?? '',
      { ledgerSchema: loading.db.schema },
      { connect: () => connect({ target: loading.db.url() }), database: 'd' },
    );
    expect(replayed.report).toMatchObject({ error: null, rowsLoaded: 1, rowsRejected: 2 });
    const strict = await loading.load(path, { slot: 'strict' });
    expect(strict.error).toMatchObject({ code: 'VALUE_REFUSED', record: 2, line: 2, column: 'a' });
  });

  it('what is told of CSV, lines that are too long, other JSON', async () => {
    await loading.db.sql('create table t (a text)');
    const path = await write(lines({ a: '1' }, { a: 'x'.repeat(500) }));
    for (const spec of [
      { dialect: { delimiter: ';' } },
      { lane: 'byte' as const },
      { mapping: { nulls: { a: ['1'] } } },
    ]) {
      expect((await loading.load(path, spec)).error).toMatchObject({ code: 'FORMAT_UNSUITABLE' });
    }
    const long = await loading.load(path, { maxRecordBytes: 300 });
    expect(long.error).toMatchObject({ code: 'RECORD_TOO_LARGE', record: 2, line: 2 });
    const array = await loading.load(await write('[\n {"a": 1}\n]\n', 'a.json'));
    expect(array.error).toMatchObject({ code: 'NOT_CSV' });
    expect(array.error?.advice).toContain('jq');
    const csv = await loading.load(path, { format: 'csv' });
    expect(csv.error).toMatchObject({ code: 'QUOTE_IN_FIELD' });
    expect((await loading.load(await write('\n\n'))).error).toMatchObject({ code: 'EMPTY_SOURCE' });
  });

  it('says what JSON.parse says, for any objects in any spelling', async () => {
    await loading.db.sql('create table t (i int, x text, y text, z text)');
    const text = fc.string({ unit: 'grapheme', maxLength: 8 }).map((s) => s.replaceAll('\0', ''));
    const scalar = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
    const value = fc.oneof(scalar, fc.array(text, { maxLength: 3 }), fc.dictionary(text, text));
    const object = fc.record({ x: value, y: value, z: value }, { requiredKeys: [] });
    const escaped = (json: string): string =>
      json.replaceAll(
        /[^\x20-\x7e]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(object, fc.boolean()), { minLength: 1 }), async (some) => {
        const written = some.map(([each, isEscaped], i) => {
          const json = JSON.stringify({ ...each, i });
          return isEscaped ? escaped(json) : json;
        });
        const path = await write(`${written.join('\n')}\n`);
        const report = await loading.load(path, { ...LAX, ledger: 'none' });
        expect(report.error).toBeNull();
        const said = written.map((json) => {
          const read = JSON.parse(json) as Record<string, unknown>;
          return ['x', 'y', 'z'].map((key) => read[key] ?? null);
        });
        const stored = await loading.db.sql<Record<string, string | null>>(
          'select x, y, z from t order by i',
        );
        const read = stored.map((row, i) =>
          ['x', 'y', 'z'].map((key, k): unknown => {
            const isText = typeof said[i]?.[k] === 'string';
            const text = row[key] ?? null;
            return text === null || isText ? text : JSON.parse(text);
          }),
        );
        expect(read).toEqual(said);
        await loading.db.sql('truncate t');
      }),
      { numRuns: RUNS / 30 },
    );
  });
});
