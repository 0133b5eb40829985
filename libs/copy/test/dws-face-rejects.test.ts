import type { LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { dwsFace, postgres18, startFaultProxy } from '@copyline/testkit';
import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { replayRejects, runLoad, validateLoad, type LoadDeps } from '../src/index.ts';
import { expectNothingStored, useLoading, type Loading } from './csv-loading.ts';
import { buildDirtyFile, dirtyFile } from './dirty-files.ts';
import { duckdbFile } from './parquet-writing.ts';

/** Each is a load on either server, and on the face as many starts as it has records to refuse. */
const FILES = process.env['COPYLINE_SOAK'] === '1' ? 300 : 8;
const CONTINUE: Partial<LoadSpecInput> = { onError: 'continue' };

const TABLE = 'create table t (a int primary key check (a > 0), b text not null, c date)';
const GOOD = ['1,x,2024-01-01', '3,"two\nlines",2024-01-01', '7,last,'];
/** By the server alone, but for two. */
const REFUSED = [
  'abc,y,2024-01-01',
  '2,z,2023-02-31',
  '4,w',
  '1,"again\n",2024-01-01',
  '5,,2024-01-01',
  '-1,check,2024-01-01',
  '100,known,',
  '6,"q"q,2024-01-01',
];
const [FIRST, SECOND, LAST] = GOOD;
const MIXED = ['a,b,c', FIRST, ...REFUSED.slice(0, 3), SECOND, ...REFUSED.slice(3), LAST, ''];

describe('continue mode on a GaussDB(DWS), which has no COPY under a savepoint', () => {
  const face = useLoading(dwsFace());
  const plain = useLoading(postgres18());
  const { db } = face;
  const deps = (): LoadDeps => ({
    connect: () => connect({ target: db.url() }),
    database: db.database,
  });
  const run = (path: string, more: Partial<LoadSpecInput>, own: Partial<LoadDeps> = {}) => ({
    spec: { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema, ...more },
    deps: { ...deps(), ...own },
  });
  const states = () => db.sql('select state from load order by started_at');
  const onBoth = (sql: string) => Promise.all([face, plain].map((each) => each.db.sql(sql)));

  /** What a file leaves on both servers: they must agree, in everything. @returns the number of rejects */
  async function expectSame(
    content: string | Buffer,
    spec: Partial<LoadSpecInput>,
    name?: string,
  ): Promise<number> {
    const outcome = async (loading: Loading) => {
      const path = await loading.write(content, name);
      const report = await loading.load(path, { ...CONTINUE, ...spec, force: true });
      const { error, rowsParsed, rowsLoaded, rowsRejected, rowsSuppressed } = report;
      const own = { error, rowsParsed, rowsLoaded, rowsRejected, rowsSuppressed };
      const rejects = await loading.db.sql<{ sqlstate: string | null }>(
        `select record, line, byte_offset, column_name, code, sqlstate, reason, excerpt, raw, is_whole
           from reject where load_id = $1 order by record`,
        [report.loadId],
      );
      const shown = report.rejects;
      const rows = await loading.db.sql('select md5(t::text) as row from t order by 1');
      return { report, kept: { own, shown, rejects, rows } };
    };
    const [there, here] = [await outcome(face), await outcome(plain)];
    expect(here.report.error).toBeNull();
    expect(there.kept).toEqual(here.kept);
    expect(here.kept.rejects).toHaveLength(here.report.rowsRejected);
    const byServer = there.kept.rejects.filter(({ sqlstate }) => sqlstate !== null);
    expect(there.report.attempts).toBe(1 + byServer.length);
    return there.report.rowsRejected;
  }

  it('leaves out what the server refuses, one record with each start', async () => {
    await db.sql(`${TABLE}; insert into t values (100, 'known', null)`);
    const path = await face.write(MIXED.join('\n'));
    const rejectsFile = `${path}.bad`;
    const phases: string[] = [];
    const { spec, deps: own } = run(
      path,
      { ...CONTINUE, rejectsFile },
      { onProgress: ({ phase, bytesRead }) => bytesRead === 0 && phases.push(phase) },
    );
    const { report } = await runLoad(spec, own);
    expect(report).toMatchObject({
      error: null,
      ...{ rowsParsed: 11, rowsLoaded: 3, rowsRejected: 8, attempts: 7 },
      lane: { name: 'text' },
      warnings: [{ code: 'RESTARTED' }],
      guarantee: 'exactly-once',
    });
    expect(phases.filter((phase) => phase === 'copy')).toHaveLength(7);
    expect(report.rejects).toMatchObject([
      { record: 2, line: 3, byteOffset: 21, column: 'a', sqlstate: '22P02', excerpt: 'abc' },
      { record: 3, line: 4, column: 'c', code: 'VALUE_REFUSED', sqlstate: '22008' },
      { record: 4, code: 'FIELD_COUNT' },
      { record: 6, line: 8, code: 'CONSTRAINT_VIOLATED', sqlstate: '23505' },
      { record: 7, line: 10, column: 'b', sqlstate: '23502' },
      { record: 8, sqlstate: '23514' },
      { record: 9, sqlstate: '23505' },
      { record: 10, code: 'TEXT_AFTER_QUOTE' },
    ]);
    expect(await db.sql('select a from t order by a')).toEqual([1, 3, 7, 100].map((a) => ({ a })));
    expect(await readFile(rejectsFile, 'utf8')).toBe(`a,b,c\n${REFUSED.join('\n')}\n`);
    // Of all the starts the ledger knows one load, which answers for it.
    expect(await states()).toEqual([{ state: 'done' }]);
    expect(await face.load(path, CONTINUE)).toMatchObject({ deduplicated: true, rowsRejected: 8 });

    await db.sql(`alter table t drop constraint t_pkey; alter table t alter b drop not null;
      alter table t drop constraint t_a_check`);
    const replay = await replayRejects(report.loadId ?? '', { ledgerSchema: db.schema }, own);
    expect(replay.report).toMatchObject({ error: null, rowsLoaded: 4, rowsRejected: 4 });
  });

  it.each([
    ['in the byte lane', MIXED.join('\r\n'), { lane: 'byte' }, 'a.csv', 8],
    ['in another encoding', Buffer.from(`\ufeff${MIXED.join('\n')}`, 'utf16le'), {}, 'a.csv', 8],
    [
      'of JSON Lines',
      '{"a":1,"b":"x","c":null}\n{"a":"no","b":"x"}\n{"a":2}\n{"a"\n{"a":1,"b":"y"}\n',
      {},
      'a.jsonl',
      4,
    ],
  ] as const)(
    'refuses what a PostgreSQL refuses: a file %s',
    async (_, content, spec, name, rejected) => {
      await onBoth(`${TABLE}; insert into t values (100, 'known', null)`);
      expect(await expectSame(content, spec, name)).toBe(rejected);
    },
  );

  it('refuses what a PostgreSQL refuses: a Parquet file', async () => {
    await onBoth('create table t (a int unique, b text not null)');
    const path = await duckdbFile(
      `select * from (values (1, 'x'), (1, 'y'), (2, NULL), (3, 'z')) v(a, b)`,
    );
    expect(await expectSame(await readFile(path), {}, 'a.parquet')).toBe(2);
  });

  it('refuses what a PostgreSQL refuses of random dirty files', async () => {
    await onBoth(`create table t (id int primary key, p int, day date not null,
      note text check (note <> 'bad'), other int unique)`);
    const files = dirtyFile({
      rows: [1, 12, 30],
      every: [2, 5, 10],
      kinds: [
        ...(['word', 'no such day', 'asked and refused', 'no day', 'a check'] as const),
        ...(['a key again', 'a deferred key again', 'too few fields', 'nothing at all'] as const),
        ...(['too many fields, on two lines', 'another encoding'] as const),
      ],
      lanes: ['text', 'byte'],
    });
    await fc.assert(
      fc.asyncProperty(files, async (file) => {
        await onBoth('truncate t');
        const { dirty, refused } = buildDirtyFile(file);
        expect(await expectSame(dirty, { lane: file.lane })).toBe(refused.length);
      }),
      { numRuns: FILES },
    );
  });

  it('finds its records in the chunks behind the first one', async () => {
    await db.sql('create table t (a int, b text)');
    const note = 'x'.repeat(400);
    const bad = new Set([1, 6_900, 6_901]);
    const lines = Array.from({ length: 7_000 }, (_, i) => `${bad.has(i + 1) ? 'x' : '1'},${note}`);
    const report = await face.load(await face.write(`a,b\n${lines.join('\n')}\n`), CONTINUE);
    expect(report).toMatchObject({ error: null, rowsLoaded: 6_997, attempts: 4 });
    expect(report.rejects.map(({ record, line }) => [record, line])).toEqual(
      [...bad].map((record) => [record, record + 1]),
    );
  });

  it('ends at the limit of rejects, and at the limit of starts', async () => {
    await db.sql('create table t (a int)');
    const path = await face.write('a\n1\nx\n2,2\ny\n3\nz\n');
    const tooMany = await face.load(path, { ...CONTINUE, rejectLimit: 2 });
    expect(tooMany).toMatchObject({
      error: { code: 'REJECT_LIMIT_EXCEEDED', record: 4, excerpt: 'y', commitState: 'rolled_back' },
      rejects: [{ record: 2 }, { record: 3 }, { record: 4 }],
      attempts: 2,
    });
    await expectNothingStored(face, tooMany);
    expect(await db.sql('select from reject')).toEqual([]);
    const allowed = await face.load(path, { ...CONTINUE, rejectLimit: 4 });
    expect(allowed).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 4 });

    await db.sql('truncate t; truncate load');
    const words = Array.from({ length: 150 }, (_, i) => `w${String(i)}\n`);
    const endless = await face.load(await face.write(`a\n1\n${words.join('')}`), CONTINUE);
    expect(endless).toMatchObject({
      error: { code: 'REFUSALS_UNBOUNDED', record: 102, line: 103, column: 'a', excerpt: 'w100' },
      attempts: 101,
    });
    expect(endless.rejects).toHaveLength(10);
    await expectNothingStored(face, endless);
  });

  it('cannot go on where the server names no line, and says so', async () => {
    await db.sql('create table t (a int unique deferrable initially deferred)');
    const report = await face.load(await face.write('a\n1\nx\n1\n'), CONTINUE);
    expect(report.error).toMatchObject({
      ...{ code: 'CONSTRAINT_VIOLATED', sqlstate: '23505', located: false },
      advice: expect.stringContaining('no COPY under a savepoint') as string,
    });
    await expectNothingStored(face, report);
  });

  it('ends as strict mode does for what is not the fault of a record', async () => {
    await db.sql(`create table t (a int);
      create function broken() returns trigger language plpgsql as
        $$ begin perform no_such_function(); return new; end $$;
      create trigger broken before insert on t for each row execute function broken()`);
    const report = await face.load(await face.write('a\n1\nx\n'), CONTINUE);
    expect(report).toMatchObject({ error: { sqlstate: '42883' }, attempts: 1 });
    await expectNothingStored(face, report);
  });

  it('an interruption between two starts leaves nothing', async () => {
    await db.sql(TABLE);
    const path = await face.write(MIXED.join('\n'));
    const stop = new AbortController();
    let starts = 0;
    const onProgress: LoadDeps['onProgress'] = ({ phase, bytesRead }) => {
      if (phase === 'copy' && bytesRead === 0 && (starts += 1) === 3) stop.abort();
    };
    const { spec, deps: own } = run(path, CONTINUE, { onProgress });
    const { report } = await runLoad(spec, own, stop.signal);
    expect(report).toMatchObject({ status: 'interrupted', attempts: 3, rowsLoaded: 0 });
    expect(await db.sql('select from t union all select from reject')).toEqual([]);
    expect(await states()).toEqual([{ state: 'failed' }]);
  });

  it('a file that changes between two starts is not loaded', async () => {
    await db.sql(TABLE);
    const path = await face.write(MIXED.join('\n'));
    let starts = 0;
    const onProgress: LoadDeps['onProgress'] = ({ phase, bytesRead }) => {
      if (phase !== 'copy' || bytesRead > 0) return;
      // A record more before all others: the numbers of those that are left out mean others now.
      if ((starts += 1) === 3) writeFileSync(path, MIXED.toSpliced(1, 0, '50,new,').join('\n'));
    };
    const { spec, deps: own } = run(path, CONTINUE, { onProgress });
    const { report } = await runLoad(spec, own);
    expect(report.error).toMatchObject({ code: 'SOURCE_CHANGED', commitState: 'rolled_back' });
    await expectNothingStored(face, report);
  });

  it('a twin that loads between two starts has loaded, and the first run says so', async () => {
    await db.sql(TABLE);
    const path = await face.write(MIXED.join('\n'));
    await using proxy = await startFaultProxy(db.server);
    const parked = proxy.parkReply(/^rollback/i);
    const { spec, deps: own } = run(path, CONTINUE, {
      connect: () => connect({ target: proxy.url(db) }),
    });
    const first = runLoad(spec, own);
    await parked.reached;
    const twin = await face.load(path, CONTINUE);
    expect(twin).toMatchObject({ error: null, deduplicated: false, rowsRejected: 7 });
    parked.release();
    expect((await first).report).toMatchObject({
      ...{ error: null, deduplicated: true, loadId: twin.loadId, rowsRejected: 7 },
    });
    expect(await db.sql('select count(*)::int as rows from t')).toEqual([{ rows: 4 }]);
    expect(await states()).toEqual([{ state: 'abandoned' }, { state: 'done' }]);
  });

  it('keeps rejects in files alone without a ledger; a validation stores nothing', async () => {
    await db.sql(TABLE);
    const path = await face.write(MIXED.join('\n'));
    const rejectsFile = `${path}.bad`;
    const { spec, deps: own } = run(path, { rejectsFile });
    const { report } = await validateLoad(spec, own);
    const found = { rowsParsed: 11, rowsRejected: 7, error: null };
    expect(report).toMatchObject({ ...found, status: 'invalid', rowsValid: 4, isComplete: true });
    const kept = await readFile(rejectsFile, 'utf8');
    expect(kept.split('\n')).not.toContain('100,known,');
    expect(await db.sql('select from t')).toEqual([]);
    const loaded = await face.load(path, { ...CONTINUE, ledger: 'none', rejectsFile });
    expect(loaded).toMatchObject({ ...found, rowsLoaded: 4, attempts: 6 });
    expect(await readFile(rejectsFile, 'utf8')).toBe(kept);
  });
});
