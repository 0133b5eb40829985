import { openGate, postgres18, useOwnDatabase, type Gate } from '@copyline/testkit';
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

  describe('in parallel', () => {
    const ROWS = [1, 2, 3].map((a) => ({ a }));
    const rows = (): Promise<unknown> => db.sql('select a from p order by a');

    /** Three files of a row each, at the first of which a gate stops, and how they are loaded. */
    async function prepared(): Promise<{ gate: Gate; load: Load }> {
      const folder = await mkdtemp(join(tmpdir(), 'copyline-files-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      for (const { a } of ROWS) {
        // A byte order mark is no part of a name.
        await writeFile(join(folder, `${String(a)}.csv`), `\ufeffa\n${String(a)}\n`);
      }
      await db.sql('create table p (a int)');
      const gate = await openGate(db, 'p', { column: 'a', at: 1 });
      const args = ['load', folder, '--into', 'p', '--json', '--parallel', '2'];
      return {
        gate,
        load: (target = db.url(), ...flags) => copyline([...args, '--target', target, ...flags]),
      };
    }

    it('Ctrl-C rolls back what is under way, and the next run loads it', async () => {
      const { gate, load } = await prepared();
      const interrupted = load();
      await gate.reached();
      interrupted.kill('SIGINT');
      expect(await outcomeOf(interrupted)).toMatchObject({
        code: 130,
        report: { status: 'interrupted', error: { code: 'INTERRUPTED' } },
      });
      await gate.release();
      expect(await outcomeOf(load())).toMatchObject({
        code: 0,
        report: { error: null, rowsLoaded: 3 },
      });
      expect(await rows()).toEqual(ROWS);
    });

    it('after kill -9 two runs at once load each file once', async () => {
      const { gate, load } = await prepared();
      const killed = load();
      await gate.reached();
      killed.kill('SIGKILL');
      await killed.exit;
      await gate.release();
      const outcomes = await Promise.all([load(), load()].map(outcomeOf));
      expect(outcomes).toMatchObject([0, 1].map(() => ({ code: 0, report: { rowsLoaded: 3 } })));
      expect(await rows()).toEqual(ROWS);
    });

    it('a wrong password and --atomic are refused, and nothing is loaded', async () => {
      const { gate, load } = await prepared();
      await gate.release();
      const url = new URL(db.url());
      url.password = 'canary';
      const unknown = load(url.href);
      expect(await outcomeOf(unknown)).toMatchObject({
        code: 1,
        report: { status: 'failed', error: { code: 'AUTH_FAILED' } },
      });
      expect(unknown.stdout + unknown.stderr).not.toContain('canary');
      const atomic = await outcomeOf(load(db.url(), '--atomic'));
      expect(atomic).toMatchObject({ code: 2, report: { error: { code: 'USAGE' } } });
      expect(await rows()).toEqual([]);
    });
  });
});

type Load = (target?: string, ...flags: string[]) => ReturnType<typeof copyline>;
