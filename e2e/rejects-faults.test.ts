import { openGate, rowsExactlyOnce, anyPostgres, useOwnDatabase } from '@copyline/testkit';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { copyline, outcomeOf, startLoad } from './copyline.ts';
import { loadedExactlyOnce } from './exactly-once.ts';
import { killAtCommit } from './killed-at-commit.ts';

const ROWS = 20_000;
/** Every one of them is a reject, after the good rows have been numbered from 1. */
const BAD = 40;

/** A file of good rows 1 to `ROWS`, and bad ones between them. */
function dirtyCsv(): { readonly text: string; readonly bad: string } {
  const every = ROWS / BAD;
  const bad = Array.from({ length: BAD }, (_, i) => `no number ${String(i)},x\n`);
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const line = `${String(i + 1)},${'filler'.repeat(5)}\n`;
    return i % every === 0 ? `${bad[i / every] ?? ''}${line}` : line;
  });
  return { text: `rid,note\n${lines.join('')}`, bad: `rid,note\n${bad.join('')}` };
}

describe.each(anyPostgres())('a load in continue mode, on $name', (server) => {
  const db = useOwnDatabase(server);
  const { text, bad } = dirtyCsv();
  let folder: string;
  let file: string;
  let rejects: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'copyline-rejects-faults-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    file = join(folder, 'dirty.csv');
    rejects = join(folder, 'rejects.csv');
    await writeFile(file, text);
    await db.sql('create table t (rid int, note text)');
  });

  const load = (target = db.url()) =>
    startLoad(file, 't', target, '--on-error', 'continue', '--rejects', rejects);

  /** All good rows and all rejects once, whatever came before. */
  async function expectAllOnce(outcome: Awaited<ReturnType<typeof outcomeOf>>): Promise<void> {
    expect(outcome).toMatchObject({
      code: 3,
      report: { rowsParsed: ROWS + BAD, rowsLoaded: ROWS, rowsRejected: BAD },
    });
    await loadedExactlyOnce(db, 't', ROWS);
    expect(await db.sql('select count(*)::int as n from copyline.reject')).toEqual([{ n: BAD }]);
    expect(await readFile(rejects, 'utf8')).toBe(bad);
  }

  it('that is killed in COPY leaves neither rows nor rejects; the next run has all', async () => {
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const first = load();
    await gate.reached({ timeoutMs: 30_000 });
    first.kill('SIGKILL');
    await first.exit;
    await gate.release();

    await rowsExactlyOnce(db, 't', 0);
    await expect(access(rejects)).rejects.toThrow('ENOENT');
    await expectAllOnce(await outcomeOf(load()));
  });

  it('that is killed after COMMIT writes its rejects when it is run again', async () => {
    await killAtCommit(db, 'after', load);

    await expect(access(rejects)).rejects.toThrow('ENOENT');
    const second = await outcomeOf(load());
    expect(second.report.deduplicated).toBe(true);
    await expectAllOnce(second);
  });

  it('that is told to stop rolls back', async () => {
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const first = load();
    await gate.reached({ timeoutMs: 30_000 });
    first.kill('SIGINT');
    expect(await outcomeOf(first)).toMatchObject({ code: 130, report: { status: 'interrupted' } });
    await gate.release();

    await rowsExactlyOnce(db, 't', 0);
    await expect(access(rejects)).rejects.toThrow('ENOENT');
    await expectAllOnce(await outcomeOf(load()));
  });

  it('twice at once is loaded once, and both say what was refused', async () => {
    const both = await Promise.all([outcomeOf(load()), outcomeOf(load())]);
    expect(both.map(({ report }) => report.deduplicated).sort()).toEqual([false, true]);
    for (const outcome of both) await expectAllOnce(outcome);
  });

  it('whose file of rejects cannot be is refused before anything is loaded', async () => {
    await mkdir(rejects);
    expect(await outcomeOf(load())).toMatchObject({
      code: 1,
      report: { error: { code: 'SINK_UNWRITABLE' } },
    });
    await rowsExactlyOnce(db, 't', 0);
  });

  it('whose folder of rejects has gone by the end is loaded, and the ledger has them', async () => {
    const out = join(folder, 'out');
    await mkdir(out);
    rejects = join(out, 'rejects.csv');
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const running = load();
    await gate.reached({ timeoutMs: 30_000 });
    await rm(out, { recursive: true });
    await gate.release();

    const { code, report } = await outcomeOf(running);
    expect(code).toBe(3);
    expect(report.warnings.map((warning) => warning.code)).toContain('REJECTS_NOT_WRITTEN');
    await loadedExactlyOnce(db, 't', ROWS);
    const again = join(folder, 'again.csv');
    const command = copyline([
      ...['rejects', report.loadId ?? '', '--to', again],
      ...['--target', db.url()],
    ]);
    expect((await command.exit).code).toBe(0);
    expect(await readFile(again, 'utf8')).toBe(bad);
  });

  it('counts a byte order mark, and gives it back with the rejects', async () => {
    await writeFile(file, `\ufeff${text}`);
    const { code, report } = await outcomeOf(load());
    expect(code).toBe(3);
    const header = Buffer.byteLength('\ufeffrid,note\n');
    expect(report.rejects[0]).toMatchObject({ record: 1, line: 2, byteOffset: header });
    expect(await readFile(rejects, 'utf8')).toBe(`\ufeff${bad}`);
  });

  it('of an empty file is an error, and so is its validation', async () => {
    await writeFile(file, '');
    expect(await outcomeOf(load())).toMatchObject({
      code: 1,
      report: { error: { code: 'EMPTY_SOURCE' } },
    });
    const args = ['validate', file, '--into', 't', '--target', db.url(), '--json'];
    const validation = copyline(args);
    expect((await validation.exit).code).toBe(1);
    expect(validation.stdout).toContain('EMPTY_SOURCE');
  });

  it('with a wrong password says so, without the password', async () => {
    const url = new URL(db.url());
    url.password = 'planted-secret';
    for (const command of ['load', 'validate']) {
      const child = copyline([command, file, '--into', 't', '--target', url.href, '--json']);
      expect((await child.exit).code).toBe(1);
      expect(child.stdout).toContain('"sqlstate":"28P01"');
      expect(`${child.stdout}${child.stderr}`).not.toContain('planted-secret');
    }
  });
});
