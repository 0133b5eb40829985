import { verifyExtract } from '@copyline/copy';
import { openReadGate, postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { copyline } from '../copyline.ts';
import { createService, stopAll, type Scheduler } from './service.ts';

const EXTRACT = { from: { table: 't' }, to: 'outbox:rows.csv', connection: 'target' };
const MANIFEST = 'rows.csv.manifest.json';

describe('extracts that are submitted', () => {
  const db = useOwnDatabase(postgres18());

  async function refusalOf(scheduler: Scheduler, change: object): Promise<unknown[]> {
    const body = JSON.stringify({ ...EXTRACT, ...change });
    const response = await scheduler.fetch('/extracts', { method: 'POST', body });
    const problem = (await response.json()) as { code: string; errors?: { field: string }[] };
    const fields = (problem.errors ?? []).map(({ field }) => field);
    return [response.status, problem.code, ...fields];
  }

  it('are refused where they must not go; nothing is read, nothing is queued', async () => {
    const service = await createService(db, { backend: 'postgres' });
    const { outbox, home } = service;
    await writeFile(join(home, 'outside.csv'), 'precious');
    await symlink(join(home, 'outside.csv'), join(outbox, 'link.csv'));
    await symlink('/tmp', join(outbox, 'tmp'));
    await mkdir(join(outbox, 'folder'));
    const scheduler = await service.startScheduler();
    const refusal = (change: object): Promise<unknown[]> => refusalOf(scheduler, change);

    for (const to of ['/tmp/x.csv', 'outbox:/tmp/x.csv', 'outbox:../x.csv', 'outbox:a/../../x']) {
      expect(await refusal({ to })).toEqual([422, 'REQUEST_INVALID', 'to']);
    }
    for (const to of ['inbox:x.csv', 'other:x.csv', 'outbox:link.csv', 'outbox:tmp/x.csv']) {
      expect(await refusal({ to })).toEqual([403, 'SINK_FORBIDDEN', 'to']);
    }
    for (const to of ['outbox:folder', 'outbox:nothing/x.csv']) {
      expect(await refusal({ to })).toEqual([422, 'SINK_UNWRITABLE', 'to']);
    }
    expect(await refusal({ to: 'outbox:{date}.csv' })).toEqual([422, 'REQUEST_INVALID', 'to']);
    expect(await refusal({ to: 'stdout' })).toEqual([422, 'REQUEST_INVALID', 'to']);
    expect(await refusal({ connection: 'none' })).toContain('CONNECTION_UNKNOWN');
    expect(await refusal({ connection: db.url() })).toContain('REQUEST_INVALID');
    expect(await refusal({ from: {} })).toEqual([422, 'REQUEST_INVALID', 'from']);
    expect(await refusal({ from: { table: 'a.b.c' } })).toEqual([422, 'REQUEST_INVALID', 'from']);
    expect(await refusal({ csv: { delimiter: 'ab' } })).toEqual([422, 'REQUEST_INVALID', 'csv']);
    expect(await refusal({ surprise: 1 })).toEqual([422, 'REQUEST_INVALID', 'surprise']);
    const [found] = await db.sql(
      `SELECT (SELECT count(*) FROM copyline_control.submission) AS submissions,
              (SELECT count(*) FROM bullmq.job) AS jobs`,
    );
    expect(found).toEqual({ submissions: 0n, jobs: 0n });
    expect(await readFile(join(home, 'outside.csv'), 'utf8')).toBe('precious');
    await stopAll(scheduler);
  });

  it('are run by a worker, followed, listed, cancelled, scheduled', async () => {
    const service = await createService(db, {
      backend: 'postgres',
      env: { COPYLINE_WORKER_CONCURRENCY: '4' },
    });
    const { outbox, home } = service;
    const gate = await openReadGate(db, 't', { rows: 50_000, at: 30_000 });
    const [scheduler] = await Promise.all([service.startScheduler(), service.startWorker()]);
    const names = async (): Promise<string[]> => (await readdir(outbox)).sort();

    // Followed, and cancelled in the middle: nothing is left.
    const { id: early } = await scheduler.submitExtract({ ...EXTRACT, to: 'outbox:early.csv' });
    await gate.reached({ timeoutMs: 30_000 });
    const running = await scheduler.jobWhen(early, 'to tell its rows', ({ progress }) => {
      return progress !== null && 'rowsRead' in progress && progress.rowsRead > 10_000;
    });
    expect(running).toMatchObject({
      type: 'extract',
      state: 'running',
      progress: { phase: 'copy' },
    });
    await scheduler.cancel(early);
    expect(await scheduler.jobEnded(early)).toMatchObject({
      state: 'cancelled',
      error: { code: 'JOB_CANCELLED', source: 'outbox:early.csv' },
    });
    expect(await names()).toEqual([]);

    // A backend that is ended: the next attempt publishes.
    const { id } = await scheduler.submitExtract(EXTRACT, 'key');
    const backend = await gate.reached({ timeoutMs: 30_000 });
    await db.sql('SELECT pg_terminate_backend($1)', [backend]);
    await scheduler.jobWhen(
      id,
      'to be tried again',
      ({ runs, state }) => runs > 1 || state === 'waiting',
    );
    expect((await names()).filter((name) => !name.endsWith('.part'))).toEqual([]);
    await gate.release();
    expect(await scheduler.jobEnded(id)).toMatchObject({
      ...{ state: 'done', runs: 2, error: null, extract: { to: 'outbox:rows.csv' } },
      report: {
        ...{ extractId: id, status: 'extracted', to: 'outbox:rows.csv', rowsExtracted: 50_000 },
        manifest: `outbox:${MANIFEST}`,
        files: [{ name: 'rows.csv', rows: 50_000 }],
      },
    });
    expect((await verifyExtract(join(outbox, MANIFEST))).error).toBeUndefined();
    expect(await names()).toEqual(['rows.csv', MANIFEST]);
    // The same key is the same job, although its file exists now; another one would replace it.
    expect((await scheduler.submitExtract(EXTRACT, 'key')).id).toBe(id);
    await expect(scheduler.submit({ source: 'inbox:x.csv', into: 't' }, 'key')).rejects.toThrow();

    // What the server or the sink refuses is told, and leaves nothing.
    await db.sql('CREATE TABLE written (n int)');
    const refused = async (change: object): Promise<unknown> => {
      const job = await scheduler.submitExtract({ ...EXTRACT, to: 'outbox:no.csv', ...change });
      const { state, error } = await scheduler.jobEnded(job.id);
      return [state, error?.code];
    };
    const queries = [
      'select 1; select 2',
      'insert into written values (1) returning n',
      'with w as (insert into written values (1) returning n) select n from w',
      'select 1) to stdout; insert into written values (1); copy (select 1',
      "copy written to program 'id'",
    ];
    expect(await Promise.all(queries.map((query) => refused({ from: { query } })))).toEqual(
      queries.map(() => ['failed', 'QUERY_INVALID']),
    );
    expect(await refused({ to: 'outbox:rows.csv' })).toEqual(['failed', 'SINK_EXISTS']);
    expect(await refused({ from: { table: 'none' } })).toEqual(['failed', 'TABLE_NOT_FOUND']);
    expect(await db.sql('SELECT count(*) AS n FROM written')).toEqual([{ n: 0n }]);
    expect(await names()).toEqual(['rows.csv', MANIFEST]);

    // By the clock: the name of the file has the time of the occurrence.
    const put = await scheduler.fetch('/schedules/daily', {
      method: 'PUT',
      body: JSON.stringify({
        ...{ cron: '0 2 * * *', timeZone: 'Asia/Tokyo' },
        extract: {
          ...EXTRACT,
          from: { query: 'select 1 as n' },
          to: 'outbox:{date}-{instant}.csv',
        },
      }),
    });
    expect(put.status, await put.text()).toBe(201);
    const answer = await scheduler.fetch('/schedules/daily/run', { method: 'POST' });
    const { job } = (await answer.json()) as { job: { id: string } };
    const scheduled = await scheduler.jobEnded(job.id);
    const nominalAt = scheduled.schedule?.nominalAt ?? '';
    const day = new Date(Date.parse(nominalAt) + 9 * 3_600_000).toISOString().slice(0, 10);
    const name = `${day}-${nominalAt.replace(/[-:]|\.000/g, '')}.csv`;
    expect(scheduled).toMatchObject({ state: 'done', report: { to: `outbox:${name}` } });
    expect(await readFile(join(outbox, name), 'utf8')).toBe('n\n1\n');

    // At the command line.
    const env = {
      ...{ COPYLINE_SERVER: scheduler.url, COPYLINE_TOKEN: scheduler.token },
      TEST_DATABASE: db.url(),
    };
    const run = async (...args: string[]): Promise<string> => {
      const command = copyline(args, { cwd: home, env });
      expect(await command.exit, command.stderr).toEqual({ code: 0, signal: null });
      return command.stdout;
    };
    await writeFile(
      join(home, 'extract.yaml'),
      'from: { table: t, columns: [rid] }\nto: outbox:file.csv\nconnection: target\ncompression: gzip\n',
    );
    const report: unknown = JSON.parse(
      await run('submit', 'extract.yaml', '--where', 'rid <= 7', '--wait', '--json'),
    );
    expect(report).toMatchObject({ rowsExtracted: 7, to: 'outbox:file.csv' });
    const text = await run(
      ...['submit', '--query', 'select 1 as n', '--to', 'outbox:query.csv'],
      ...['--connection', 'target', '--no-header', '--wait'],
    );
    expect(text).toContain('extracted 1 row');
    expect(await readFile(join(outbox, 'query.csv'), 'utf8')).toBe('1\n');
    const parquet = ['submit', '--query', 'select 1 as n', '--to', 'outbox:n.parquet', '--wait'];
    expect(await run(...parquet, '--connection', 'target')).toContain('extracted 1 row');
    expect((await readFile(join(outbox, 'n.parquet'))).subarray(0, 4).toString()).toBe('PAR1');
    expect(await run('jobs')).toMatch(
      /extract │ done +│ target · a query +│ outbox:query\.csv +│ +1 /,
    );
    await waitFor('no session of an extract', async () => {
      const [busy] = await db.sql<{ sessions: bigint }>(
        `SELECT count(*) AS sessions FROM pg_stat_activity
          WHERE application_name LIKE 'copyline%' AND state LIKE 'idle in transaction%'`,
      );
      return busy?.sessions === 0n;
    });
    await stopAll(scheduler);
  });
});
