import type { Job, LoadReport } from '@copyline/contracts';
import { waitFor } from '@copyline/testkit';
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyline } from '../copyline.ts';

const AIRPORTS = new URL('../../examples/data/airports.csv', import.meta.url).pathname;

/** A directory with a service of its own, as a newcomer has it: nothing configured. */
async function startUp(): Promise<{
  up: ReturnType<typeof copyline>;
  directory: string;
  run: (...args: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'copyline-up-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const own = { cwd: directory, env: { COPYLINE_HOME: join(directory, '.copyline') } };
  const up = copyline(['up', '--port', '0', '--json', '--verbose'], own);
  const [, server = ''] = await up.waitForOutput(/"server":"([^"]+)"/, { timeoutMs: 60_000 });
  return {
    up,
    directory,
    run: async (...args) => {
      const env = { ...own.env, COPYLINE_SERVER: server };
      const running = copyline(args, { cwd: directory, env });
      const { code } = await running.exit;
      return { code, stdout: running.stdout, stderr: running.stderr };
    },
  };
}

describe('copyline up', () => {
  it('runs everything that submit, jobs and cancel need, and stops it again', async () => {
    const { up, directory, run } = await startUp();
    const token = (await readFile(join(directory, '.copyline', 'token'), 'utf8')).trim();
    expect((await stat(join(directory, '.copyline', 'token'))).mode & 0o777).toBe(0o600);
    await copyFile(AIRPORTS, join(directory, 'inbox', 'airports.csv'));
    await writeFile(
      join(directory, 'load.yaml'),
      'source: inbox:airports.csv\ninto: airports\ncreate: true\n',
    );

    const waited = await run('submit', 'load.yaml', '--wait', '--json');
    const again = await run('submit', 'inbox:airports.csv', '--into', 'airports', '--wait');
    const out = await run('submit', '--table', 'airports', '--to', 'outbox:out.csv', '--wait');
    const listed = await run('jobs', '--json');

    expect(waited.code, waited.stderr).toBe(0);
    expect(JSON.parse(waited.stdout) as LoadReport).toMatchObject({ rowsLoaded: 3376 });
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('already loaded')]);
    expect([out.code, out.stdout]).toEqual([0, expect.stringContaining('extracted 3,376 rows')]);
    const { jobs } = JSON.parse(listed.stdout) as { jobs: Job[] };
    expect(jobs.map(({ type, state }) => `${type} ${state}`)).toEqual([
      ...['extract done', 'load done', 'load done'],
    ]);
    const refused = await run('submit', 'inbox:none.csv', '--into', 'airports');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('SOURCE_NOT_FOUND') as string,
    ]);

    const ended = await run('cancel', jobs[0]?.id.slice(0, 8) ?? '');
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('JOB_FINISHED')]);

    up.kill('SIGTERM');
    expect(await up.exit).toEqual({ code: 0, signal: null });
    expect(up.stdout + up.stderr).not.toContain(token);
    const gone = await run('jobs');
    expect([gone.code, gone.stderr]).toEqual([
      1,
      expect.stringContaining('SERVICE_UNREACHABLE') as string,
    ]);
  });

  it('killed, takes the services and the database with it', async () => {
    const { up } = await startUp();
    const children = await childrenOf(up.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);

    up.kill('SIGKILL');

    await waitFor(
      'all its processes to be gone',
      async () => (await Promise.all(children.map(isAlive))).every((alive) => !alive),
      { timeoutMs: 20_000, intervalMs: 50 },
    );
  });
});

/** Pids of a process's children, of its children's children, and so on. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  const own = text.trim().split(/\s+/).filter(Boolean).map(Number);
  return [...own, ...(await Promise.all(own.map(childrenOf))).flat()];
}

async function isAlive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  // A zombie is dead; nobody has asked for its exit code yet.
  return text !== '' && !text.includes(') Z ');
}
