import { openGate, postgres18, useOwnDatabase } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyline, outcomeOf } from './copyline.ts';

const packed = (program: string, content: string): Buffer =>
  execFileSync(program, ['-c'], { input: content });

describe('copyline load, of many files', () => {
  const db = useOwnDatabase(postgres18());

  it('loads a folder of packed files and a pattern in one transaction, each file once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-files-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, '1.csv.gz'), gzipSync('a,b\n1,x\n'));
    await writeFile(join(folder, '2.csv'), packed('bzip2', 'a,b\n2,y\n'));
    await writeFile(join(folder, '3.csv'), packed('zstd', 'b,a\nz,3\n'));
    await db.sql('create table t (a int, b text)');
    const load = (...names: string[]): ReturnType<typeof outcomeOf> =>
      outcomeOf(
        copyline(['load', ...names, '--into', 't', '--target', db.url(), '--json', '--atomic']),
      );
    const first = await load(folder);
    expect(first.report).toMatchObject({ error: null, rowsLoaded: 3, deduplicated: false });
    expect(first.code).toBe(0);
    await writeFile(join(folder, '4.csv'), 'a,b\n4,\n');
    const second = await load(join(folder, '*.csv*'));
    expect(second.report.files.map(({ deduplicated }) => deduplicated)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(await db.sql('select a from t order by a')).toEqual([1, 2, 3, 4].map((a) => ({ a })));
    const none = await load(join(folder, '*.json'));
    expect(none).toMatchObject({ code: 1, report: { error: { code: 'NO_FILES' } } });
    const lines = join(folder, 'five.jsonl');
    await writeFile(lines, '{"a":5,"b":null}\n');
    const schema = copyline(['schema', lines]);
    await schema.exit;
    expect(schema.stdout).toContain('CREATE TABLE "five"');
  });

  it('loads files in parallel, and Ctrl-C rolls back those that are under way', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-files-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const a of ['1', '2', '3']) await writeFile(join(folder, `${a}.csv`), `a\n${a}\n`);
    await db.sql('create table p (a int)');
    const gate = await openGate(db, 'p', { column: 'a', at: 1 });
    const load = (...flags: string[]): ReturnType<typeof copyline> =>
      copyline(['load', folder, '--into', 'p', '--target', db.url(), '--json', ...flags]);

    const interrupted = load('--parallel', '2');
    await gate.reached();
    interrupted.kill('SIGINT');
    expect(await outcomeOf(interrupted)).toMatchObject({
      code: 130,
      report: { status: 'interrupted', error: { code: 'INTERRUPTED' } },
    });
    await gate.release();
    const again = await outcomeOf(load('--parallel', '2'));
    expect(again).toMatchObject({ code: 0, report: { error: null, rowsLoaded: 3 } });
    expect(await db.sql('select a from p order by a')).toEqual([1, 2, 3].map((a) => ({ a })));

    const both = await outcomeOf(load('--parallel', '2', '--atomic'));
    expect(both).toMatchObject({ code: 2, report: { error: { code: 'USAGE' } } });
  });
});
