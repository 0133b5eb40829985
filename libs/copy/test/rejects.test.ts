import type { LoadReport, LoadSpecInput } from '@copyline/contracts';
import { postgresServers } from '@copyline/testkit';
import { mkdirSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';

const LANES = ['binary', 'text', 'byte'] as const;
const CONTINUE: Partial<LoadSpecInput> = { onError: 'continue' };

/** Records of a table of three columns; a `⟦` stands before the offending byte of one to refuse. */
const RECORDS: readonly (readonly [record: string, refusal?: Readonly<Record<string, unknown>>])[] =
  [
    ['1,x,2024-01-01\n'],
    ['⟦abc,y,2024-01-01\n', { code: 'VALUE_REFUSED', sqlstate: '22P02', column: 'a' }],
    ['2,z,⟦2023-02-31\n', { code: 'VALUE_REFUSED', sqlstate: '22008', column: 'c' }],
    ['3,"two\r\nlines",2024-01-01\r\n'],
    ['4,w⟦\n', { code: 'FIELD_COUNT' }],
    ['5,"q"⟦q,2024-01-01\n', { code: 'TEXT_AFTER_QUOTE', column: 'b' }],
    ['⟦\n', { code: 'FIELD_COUNT', reason: 'A blank line between records' }],
    ['\\.,"dot",2024-01-01\n'.replace('\\.', '6')],
    ['⟦1,"again\n",2024-01-01\n', { code: 'CONSTRAINT_VIOLATED', sqlstate: '23505' }],
    ['7,⟦,2024-01-01\n', { code: 'CONSTRAINT_VIOLATED', sqlstate: '23502', column: 'b' }],
    [' 8 ,asked,2024-01-01\n'],
    ['⟦ 1e ,asked,2024-01-01\n', { code: 'VALUE_REFUSED', sqlstate: '22P02', column: 'a' }],
    ['⟦-1,"check",2024-01-01\n', { code: 'CONSTRAINT_VIOLATED', sqlstate: '23514' }],
    ['9,"n⟦\0ul\n1,2,3",2024-01-01\n', { code: 'NUL_BYTE', column: 'b' }],
    ['10,⟦\xff,2024-01-01\n', { code: 'INVALID_UTF8', column: 'b' }],
    ['11,last,2024-01-01\n\n\n'],
  ];

const TABLE = 'create table t (a int unique check (a > 0), b text not null, c date)';
const HEADER = 'skipped "line\na,b,c\n';

function dirtyFile(): {
  readonly content: Buffer;
  readonly refused: object[];
  readonly bad: string;
} {
  let content = HEADER;
  let record = 0;
  const refused: object[] = [];
  let bad = HEADER;
  for (const [text, refusal] of RECORDS) {
    record += 1;
    const plain = text.replace('⟦', '');
    if (refusal !== undefined) {
      const line = content.split('\n').length;
      refused.push({ ...refusal, record, line, byteOffset: content.length + text.indexOf('⟦') });
      bad += plain;
    }
    content += plain;
  }
  // One byte for each character, so that offsets are those of the file.
  return { content: Buffer.from(content, 'latin1'), refused, bad };
}

// On the face it is another way to the same outcome: dws-face-rejects.test.ts.
describe.each(postgresServers())('continue mode on $name', (server) => {
  const loading = useLoading(server);
  const stored = () => loading.db.sql<{ a: number }>('select a from t order by a');
  const spec = (more: Partial<LoadSpecInput> = {}): Partial<LoadSpecInput> => ({
    ...CONTINUE,
    dialect: { skipLines: 1 },
    ...more,
  });

  it.each(LANES)(
    'refuses exactly the bad records, each with its place, in lane %s',
    async (lane) => {
      await loading.db.sql(TABLE);
      const { content, refused, bad } = dirtyFile();
      const path = await loading.write(content);
      const rejectsFile = `${path}.bad`;
      const report = await loading.load(path, spec({ lane, rejectsFile }));
      expect(report.error).toBeNull();
      expect(report).toMatchObject({
        rowsParsed: RECORDS.length,
        rowsRejected: refused.length,
        rowsLoaded: RECORDS.length - refused.length,
        lane: { name: lane },
      });
      expect(await stored()).toEqual([1, 3, 6, 8, 11].map((a) => ({ a })));
      expect(report.rejects).toMatchObject(refused.slice(0, 10));

      const kept = await loading.db.sql<{ raw: Buffer }>('select * from reject order by record');
      expect(kept.map((each) => each.raw.toString('latin1')).join('')).toBe(
        bad.slice(HEADER.length),
      );
      expect(await readFile(rejectsFile, 'latin1')).toBe(bad);
      const reasons = (await readFile(`${rejectsFile}.jsonl`, 'utf8')).trim().split('\n');
      expect(reasons.map((line) => JSON.parse(line) as object)).toMatchObject(
        refused.map((each) => ({ ...each, source: path })),
      );

      // Once more: answered from the ledger, with the same counts.
      const again = await loading.load(path, spec({ lane }));
      const { rowsRejected, rowsLoaded, rejects } = report;
      expect(again).toMatchObject({ deduplicated: true, rowsRejected, rowsLoaded, rejects });
    },
  );

  it('writes rejects that load as they are, once the table takes them', async () => {
    await loading.db.sql(`${TABLE}; create table parent (k int primary key);
      alter table t add foreign key (a) references parent`);
    await loading.db.sql('insert into parent select generate_series(1, 5)');
    const lines = Array.from({ length: 9 }, (_, i) => `${String(i + 1)},"x\ny",2024-01-01`);
    const path = await loading.write(`skipped\na,b,c\n${lines.join('\n')}`);
    const rejectsFile = `${path}.bad`;
    const report = await loading.load(path, spec({ rejectsFile }));
    expect(report).toMatchObject({ rowsLoaded: 5, rowsRejected: 4, error: null });
    expect(report.rejects[0]).toMatchObject({ record: 6, line: 13, sqlstate: '23503' });
    await loading.db.sql('insert into parent values (6), (7), (8), (9)');
    const mended = await loading.load(rejectsFile, spec());
    expect(mended).toMatchObject({ rowsLoaded: 4, rowsRejected: 0, error: null });
    expect(await stored()).toHaveLength(9);
  });

  it('allows as many rejects as the limit says, and not one more', async () => {
    await loading.db.sql('create table t (a int)');
    const path = await loading.write('a\n1\nx\n2\ny\n');
    const tooMany = await loading.load(path, { ...CONTINUE, rejectLimit: 1 });
    expect(tooMany).toMatchObject({
      error: { code: 'REJECT_LIMIT_EXCEEDED', record: 4, line: 5, excerpt: 'y' },
      rejects: [{ record: 2 }, { record: 4 }],
    });
    await expectNothingStored(loading, tooMany);
    expect(await loading.db.sql('select from reject')).toEqual([]);
    const percent = await loading.load(path, { ...CONTINUE, rejectLimit: '49.9%' });
    expect(percent.error).toMatchObject({ code: 'REJECT_LIMIT_EXCEEDED' });
    const half = await loading.load(path, { ...CONTINUE, rejectLimit: '50%' });
    expect(half).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 2 });
  });

  it('keeps rejects in files alone when there is no ledger', async () => {
    await loading.db.sql('create table t (a int)');
    const path = await loading.write('a\n1\nx\n');
    const without = await loading.load(path, { ...CONTINUE, ledger: 'none' });
    expect(without.error).toMatchObject({ code: 'CONFIG_INVALID' });
    const rejectsFile = `${path}.bad`;
    const report = await loading.load(path, { ...CONTINUE, ledger: 'none', rejectsFile });
    expect(report).toMatchObject({ error: null, rowsLoaded: 1, rowsRejected: 1 });
    expect(await readFile(rejectsFile, 'utf8')).toBe('a\nx\n');
    const itself = await loading.load(path, { ...CONTINUE, rejectsFile: path, force: true });
    expect(itself.error).toMatchObject({ code: 'SINK_UNWRITABLE' });
  });

  it('keeps the only copy of rejects when their file cannot get its name after COMMIT', async () => {
    await loading.db.sql('create table t (a int)');
    const path = await loading.write('a\n1\nx\n');
    const rejectsFile = `${path}.bad`;
    const report = await loading.load(
      path,
      { ...CONTINUE, ledger: 'none', rejectsFile },
      {
        onProgress: ({ phase }) => {
          if (phase === 'commit') mkdirSync(rejectsFile);
        },
      },
    );
    expect(report).toMatchObject({ status: 'loaded', error: null, rowsRejected: 1 });
    expect(await stored()).toEqual([{ a: 1 }]);
    const warning = report.warnings.find(({ code }) => code === 'REJECTS_NOT_PUBLISHED');
    const kept = /kept as (.+), but: .*EISDIR/.exec(warning?.message ?? '')?.[1] ?? '';
    expect(await readFile(kept, 'utf8')).toBe('a\nx\n');
    expect(await readFile(`${rejectsFile}.jsonl`, 'utf8')).toContain('"record":2');
  });

  it.each(['target', 'none'] as const)(
    'leaves no file of yesterday where there are no rejects, with ledger: %s',
    async (ledger) => {
      await loading.db.sql('create table t (a int)');
      const path = await loading.write('a\n1\nx\n');
      const rejectsFile = join(dirname(path), 'bad.csv');
      const load = async (content: string): Promise<string[]> => {
        await writeFile(path, content);
        const report = await loading.load(path, { ...CONTINUE, ledger, rejectsFile });
        expect(report).toMatchObject({ status: 'loaded', rowsLoaded: 1 });
        return (await readdir(dirname(path))).sort();
      };
      await writeFile(`${rejectsFile}.bak`, '');
      const [good, bad] = ['a\n2\n', 'a\n1\nx\n'];
      expect(await load(bad)).toEqual(['bad.csv', 'bad.csv.bak', 'bad.csv.jsonl', 'input.csv']);
      expect(await load(good)).toEqual(['bad.csv.bak', 'input.csv']);
      // Also where the ledger knows the content, and answers.
      expect(await load(bad)).toContain('bad.csv.jsonl');
      expect(await load(good)).toEqual(['bad.csv.bak', 'input.csv']);
    },
  );

  it('judges deferred constraints early, but for those that a later row may mend', async () => {
    await loading.db.sql(`create table parent (k int primary key);
      insert into parent values (1);
      create table t (a int primary key, u int unique deferrable initially deferred,
        p int references parent deferrable initially deferred,
        next int references t deferrable initially deferred)`);
    const path = await loading.write('a,u,p,next\n1,1,1,4\n2,2,7,\n3,1,1,\n4,4,1,\n');
    const report = await loading.load(path, CONTINUE);
    expect(report).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 2 });
    expect(report.rejects).toMatchObject([
      { record: 2, sqlstate: '23503' },
      { record: 3, sqlstate: '23505' },
    ]);
    const broken = await loading.load(await loading.write('a,u,p,next\n9,9,1,10\n'), CONTINUE);
    expect(broken).toMatchObject({
      error: { code: 'CONSTRAINT_VIOLATED', sqlstate: '23503', located: false },
      rowsLoaded: 0,
    });
    expect(await stored()).toEqual([{ a: 1 }, { a: 4 }]);
  });

  it('takes what triggers raise for refusals, and what they suppress for suppressed', async () => {
    await loading.db.sql(`create table t (a int);
      create function judge() returns trigger language plpgsql as $$ begin
        if new.a = 3 then raise 'not three'; end if;
        if new.a = 4 then raise 'not four' using errcode = 'U0001'; end if;
        if new.a = 5 then return null; end if;
        return new; end $$;
      create trigger judge before insert on t for each row execute function judge()`);
    const path = await loading.write('a\n1\n2\n3\n4\n5\n6\n');
    const report = await loading.load(path, CONTINUE);
    expect(report).toMatchObject({
      error: null,
      rowsParsed: 6,
      rowsLoaded: 3,
      rowsRejected: 2,
      rowsSuppressed: 1,
    });
    expect(report.rejects).toMatchObject([
      { record: 3, sqlstate: 'P0001', reason: 'not three' },
      { record: 4, sqlstate: 'U0001', reason: 'not four' },
    ]);
  });

  it('ends as strict mode does for what is not the fault of a record', async () => {
    await loading.db.sql(`create table t (a int);
      create function broken() returns trigger language plpgsql as
        $$ begin perform no_such_function(); return new; end $$;
      create trigger broken before insert on t for each row execute function broken()`);
    const report = await loading.load(await loading.write('a\n1\nx\n'), CONTINUE);
    expect(report.error).toMatchObject({ sqlstate: '42883', commitState: 'rolled_back' });
    await expectNothingStored(loading, report);
  });

  it('lets the first one win where rows depend on each other, whatever the constraint', async () => {
    await loading.db.sql(`create table t (a int, b int unique, c int unique, check (a <> 0))`);
    await loading.db.sql(`create unique index on t ((a % 100)) where a > 0`);
    // 2 falls with a check, so 3 has its key; 4 has that of 1, so 5 may have the other one of 4.
    const path = await loading.write('a,b,c\n1,1,1\n0,2,2\n2,2,3\n3,3,1\n4,3,4\n101,5,5\n-1,6,6\n');
    const report = await loading.load(path, CONTINUE);
    expect(report.error).toBeNull();
    expect(report.rejects.map(({ record, sqlstate }) => [record, sqlstate])).toEqual([
      [2, '23514'],
      [4, '23505'],
      [6, '23505'],
    ]);
  });

  it('creates a table of what is good of a file', async () => {
    const path = await loading.write('a,b\n1,2\n3\n4,5\n');
    const report = await loading.load(path, { ...CONTINUE, create: true });
    expect(report).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 1 });
  });

  it.each(LANES)(
    'keeps broken lines apart at every border of a window, in lane %s',
    async (lane) => {
      await loading.db.sql('create table t (a int, b text)');
      const parts: string[] = ['a,b\n'];
      let bad = 0;
      for (let i = 1; i <= 40_000; i += 1) {
        if (i % 997 === 0) {
          bad += 1;
          parts.push(
            i % 2 === 0 ? `${String(i)},"open ${'x'.repeat(i % 3000)}\n` : `${String(i)}\n`,
          );
        } else parts.push(`${String(i)},${i % 501 === 0 ? '"two\nlines"' : 'some text'}\n`);
      }
      const report: LoadReport = await loading.load(await loading.write(parts.join('')), {
        ...CONTINUE,
        lane,
      });
      expect(report.error).toBeNull();
      const [{ rows } = { rows: 0 }] = await loading.db.sql<{ rows: number }>(
        'select count(*)::int as rows from t',
      );
      expect(rows).toBe(report.rowsLoaded);
      const refused = await loading.db.sql<{ raw: Buffer }>('select raw from reject');
      // What an open quote takes along to the next one is what the first lines are refused for.
      expect(refused.length).toBeGreaterThanOrEqual(bad);
      expect(report.rowsParsed).toBe(report.rowsLoaded + refused.length);
    },
  );
});
