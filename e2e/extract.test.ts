import type { ExtractReport } from '@copyline/contracts';
import { postgres18, runProcess, useOwnDatabase, waitFor } from '@copyline/testkit';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { copyline } from './copyline.ts';

const COMMAND = new URL('../apps/cli/bin/copyline.js', import.meta.url).pathname;
/** 100 MB: more than every buffer between the server and whoever reads. */
const ENDLESS = `select repeat('x', 1000) from generate_series(1, 100000)`;

describe('copyline extract', () => {
  const db = useOwnDatabase(postgres18());
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'copyline-extract-'));
    const mine = folder;
    onTestFinished(() => rm(mine, { recursive: true, force: true }));
  });

  const run = (...args: string[]): ReturnType<typeof copyline> =>
    copyline(['extract', '--target', db.url(), ...args]);
  const reportOf = (stdout: string): ExtractReport =>
    JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as ExtractReport;
  const out = (): string => join(folder, 'out.csv');

  /** Through a shell, which connects the standard output to something. */
  function shell(behind: string, ...args: string[]): ReturnType<typeof runProcess> {
    const script = `set -o pipefail; { "$0" "$@"; code=$?; echo "exit $code" >&2; exit $code; } ${behind}`;
    const argv = [COMMAND, 'extract', '--target', db.url(), ...args];
    return runProcess('bash', ['-c', script, process.execPath, ...argv]);
  }

  async function noSessionLeft(): Promise<void> {
    await waitFor('no session at work', async () => {
      const busy = await db.sql(
        `select from pg_stat_activity where datname = current_database()
           and application_name = 'copyline' and state <> 'idle'`,
      );
      return busy.length === 0;
    });
  }

  it('writes a table, says so, and verifies it', async () => {
    await db.sql(`create table orders as select i as id, 'x' as note from generate_series(1, 3) i`);
    const extract = run('--table', 'orders', '--to', out(), '--columns', 'note,id');
    expect((await extract.exit).code).toBe(0);
    expect(extract.stdout).toMatch(/✔ extracted 3 rows from public\.orders/);
    expect(await readFile(out(), 'utf8')).toBe('note,id\nx,1\nx,2\nx,3\n');

    const verify = copyline(['verify', `${out()}.manifest.json`]);
    expect((await verify.exit).code).toBe(0);
    expect(verify.stdout).toBe('✔ verified: 1 file, 3 rows, 20 bytes\n');
    await rm(out());
    const again = copyline(['verify', `${out()}.manifest.json`, '--json']);
    expect((await again.exit).code).toBe(1);
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'MANIFEST_MISMATCH' } });
  });

  it('loads back what it has written', async () => {
    await db.sql(`create table orders as select i as id, nullif(repeat(E'a"\\n', i % 4), 'a') as note
                    from generate_series(1, 5000) i`);
    expect((await run('--table', 'orders', '--to', out()).exit).code).toBe(0);
    await db.sql('create table again (like orders)');
    const load = copyline(['load', out(), '--into', 'again', '--target', db.url()]);
    expect((await load.exit).code).toBe(0);
    const [difference] = await db.sql(
      `select count(*)::int as n from ((table orders except all table again)
         union all (table again except all table orders)) d`,
    );
    expect(difference).toEqual({ n: 0 });
  });

  it('writes a report for every exit code', async () => {
    const good = run('--query', 'select 1 as one', '--to', out(), '--json');
    expect((await good.exit).code).toBe(0);
    expect(reportOf(good.stdout)).toMatchObject({ status: 'extracted', rowsExtracted: 1 });
    const there = run('--query', 'select 1 as one', '--to', out(), '--json');
    expect((await there.exit).code).toBe(1);
    expect(reportOf(there.stdout)).toMatchObject({ error: { code: 'SINK_EXISTS' } });
    for (const wrong of [
      ['--to', out()],
      ['--table', 't', '--query', 'select 1', '--to', out()],
      ['--query', 'select 1', '--to', out(), '--quote', ','],
      ['--query', 'select 1', '--to', '-'],
      ['--query', 'select 1'],
    ]) {
      const usage = run(...wrong, '--json');
      expect((await usage.exit).code, wrong.join(' ')).toBe(2);
      expect(reportOf(usage.stdout)).toMatchObject({
        status: 'failed',
        rowsRead: 0,
      });
    }
  });

  it('writes to the standard output, and everything else to stderr', async () => {
    const extract = run('--query', `select 1 as a, '' as b`, '--to', '-', '--delimiter', '\\t');
    expect((await extract.exit).code).toBe(0);
    expect(extract.stdout).toBe('a\tb\n1\t""\n');
    expect(extract.stderr).toContain('extracted 1 row');
  });

  it('ends when its reader has gone, and says so', async () => {
    const extract = shell('| head -n 2', '--query', ENDLESS, '--to', '-', '--no-header');
    expect((await extract.exit).code).toBe(1);
    expect(extract.stdout.split('\n')).toHaveLength(3);
    expect(extract.stderr).toContain('SINK_CLOSED');
    await noSessionLeft();
  });

  it.each([
    ['F35: is full', '/dev/full', 'SINK_ENOSPC'],
    // Nothing is mapped at the beginning of a process's memory: Linux answers with EIO.
    ['F36: fails', '/proc/self/mem', 'SINK_FAILED'],
  ])('ends when what is behind the standard output %s', async (_, device, code) => {
    const extract = shell(`> ${device}`, '--query', ENDLESS, '--to', '-');
    expect((await extract.exit).code).toBe(1);
    expect(extract.stderr).toContain(code);
    expect(extract.stderr).toContain('the output is not whole');
    await noSessionLeft();
  });

  it('F20: does not wait for a reader that stands still longer than it may', async () => {
    const extract = shell(
      '| sleep 30',
      ...['--query', ENDLESS, '--to', '-', '--max-duration', '0.5'],
    );
    await extract.waitForOutput(/TIME_LIMIT/);
    await extract.waitForOutput(/exit 1/);
    await noSessionLeft();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'F73: is interrupted by %s, without a trace',
    async (signal) => {
      const extract = run('--query', `${ENDLESS}, pg_sleep(0.0001)`, '--to', out(), '--json');
      await waitFor('the part file', async () => (await readdir(folder)).length > 0);
      extract.kill(signal);
      expect((await extract.exit).code).toBe(130);
      expect(reportOf(extract.stdout)).toMatchObject({
        status: 'interrupted',
        error: { code: 'INTERRUPTED', retry: 'retry' },
      });
      expect(await readdir(folder)).toEqual([]);
      await noSessionLeft();
    },
  );

  it('is interrupted while it waits for a lock', async () => {
    await db.sql('create table t (id int)');
    const locker = await db.client();
    await locker.query('begin; lock table t');
    const extract = run('--table', 't', '--to', out(), '--json');
    await waitFor('it to wait', async () => {
      // Of all databases: another test's waits are not meant.
      const sql = `select from pg_locks where not granted and relation = 't'::regclass
                      and database = (select oid from pg_database where datname = current_database())`;
      return (await db.sql(sql)).length > 0;
    });
    extract.kill('SIGINT');
    expect((await extract.exit).code).toBe(130);
    expect(await readdir(folder)).toEqual([]);
    await locker.query('rollback');
  });

  it('that was killed leaves nothing that the next one does not remove', async () => {
    const extract = run('--query', `${ENDLESS}, pg_sleep(0.0001)`, '--to', out());
    await waitFor('the part file', async () => (await readdir(folder)).length > 0);
    extract.kill('SIGKILL');
    await extract.exit;
    expect(await readdir(folder)).toMatchObject([expect.stringMatching(/^\.out\.csv\..*\.part$/)]);
    const next = run('--query', 'select 1 as one', '--to', out());
    expect((await next.exit).code).toBe(0);
    expect(next.stderr).toContain('Removed 1 unfinished files');
    expect((await readdir(folder)).sort()).toEqual(['out.csv', 'out.csv.manifest.json']);
    await noSessionLeft();
  });

  it('is refused in a query that writes', async () => {
    const extract = run('--query', 'select 1; drop table x', '--to', out(), '--json');
    expect((await extract.exit).code).toBe(1);
    expect(reportOf(extract.stdout)).toMatchObject({ error: { code: 'QUERY_INVALID' } });
  });
});
