import type { LoadJob, Occurrence, Schedule } from '@copyline/contracts';
import { openGate, postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { scheduledService, stopAll, type Scheduler } from './service.ts';

const ROWS = 2_000;
/** Of two schedulers each. */
const RESTARTS = process.env['COPYLINE_SOAK'] === '1' ? 10 : 4;

describe('schedules', () => {
  const db = useOwnDatabase(postgres18());

  const prepare = () => scheduledService(db, { backend: 'postgres', rows: ROWS });

  async function put(scheduler: Scheduler, name: string, change: object): Promise<Response> {
    return scheduler.fetch(`/schedules/${name}`, {
      method: 'PUT',
      body: JSON.stringify({
        cron: '0 2 * * *',
        timeZone: 'Europe/Berlin',
        load: { source: 'inbox:rows.csv', into: 't', connection: 'target' },
        ...change,
      }),
    });
  }

  async function occurrencesOf(scheduler: Scheduler, name: string): Promise<Occurrence[]> {
    const response = await scheduler.fetch(`/schedules/${name}/occurrences?limit=500`);
    return ((await response.json()) as { occurrences: Occurrence[] }).occurrences;
  }

  it('are kept, changed, paused and deleted', async () => {
    const { scheduler } = await prepare();
    expect((await put(scheduler, 'nightly', {})).status).toBe(201);
    expect((await put(scheduler, 'nightly', { cron: '30 3 * * *' })).status).toBe(200);
    const call = async (path: string, method: string): Promise<unknown> =>
      (await scheduler.fetch(`/schedules/nightly${path}`, { method })).json();

    expect(await call('', 'GET')).toMatchObject({ name: 'nightly', cron: '30 3 * * *' });
    expect(await call('/pause', 'POST')).toMatchObject({ paused: true, nextAt: null });
    const resumed = (await call('/resume', 'POST')) as Schedule;
    expect(resumed.paused).toBe(false);
    expect(Date.parse(resumed.nextAt ?? '')).toBeGreaterThan(Date.now());
    expect((await scheduler.fetch('/schedules/nightly', { method: 'DELETE' })).status).toBe(204);
    expect((await scheduler.fetch('/schedules/nightly')).status).toBe(404);
  });

  it('name the field that is wrong', async () => {
    const { scheduler } = await prepare();
    const refusal = async (change: object): Promise<unknown> =>
      (await put(scheduler, 's', change)).json();

    expect(await refusal({ cron: '61 * * * *' })).toMatchObject({
      status: 422,
      detail: expect.stringContaining('cron') as string,
    });
    expect(await refusal({ cron: '0 0 31 2 *' })).toMatchObject({
      status: 422,
      detail: expect.stringContaining('cron') as string,
    });
    expect(await refusal({ timeZone: 'Mars/Base' })).toMatchObject({
      detail: expect.stringContaining('timeZone') as string,
    });
    expect(
      await refusal({ load: { source: 'inbox:../x', into: 't', connection: 'target' } }),
    ).toMatchObject({ errors: [{ field: 'load.source' }] });
    expect(
      await refusal({ load: { source: 'inbox:tomorrow.csv', into: 't', connection: 'none' } }),
    ).toMatchObject({ code: 'CONNECTION_UNKNOWN', errors: [{ field: 'load.connection' }] });
  });

  it('load a file that comes later, again only when its content has changed', async () => {
    const { service, scheduler } = await prepare();
    await db.sql('CREATE TABLE days (rid int8)');
    const load = { source: 'inbox:day.csv', into: 'days', connection: 'target' };
    expect((await put(scheduler, 'daily', { load })).status).toBe(201);
    const worker = await service.startWorker();
    const runNow = async (): Promise<unknown> => {
      const answer = await scheduler.fetch('/schedules/daily/run', { method: 'POST' });
      const { job } = (await answer.json()) as { job: { id: string } };
      const { state, report } = (await scheduler.jobEnded(job.id)) as LoadJob;
      return [state, report?.deduplicated];
    };
    await writeFile(join(service.inbox, 'day.csv'), 'rid\n1\n');
    expect(await runNow()).toEqual(['done', false]);
    expect(await runNow()).toEqual(['done', true]);
    await writeFile(join(service.inbox, 'day.csv'), 'rid\n2\n3\n');
    expect(await runNow()).toEqual(['done', false]);
    expect(await db.sql('SELECT count(*) AS rows FROM days')).toEqual([{ rows: 3n }]);
    await stopAll(worker, scheduler);
  });

  it('skip an occurrence while the load of the previous one has not ended', async () => {
    const { service, scheduler } = await prepare();
    const gate = await openGate(db, 't', { column: 'rid', at: 100 });
    const worker = await service.startWorker();
    await put(scheduler, 'often', { cron: '* * * * * *' });
    await gate.reached({ timeoutMs: 30_000 });

    const skipped = await waitFor('a skipped occurrence', async () =>
      (await occurrencesOf(scheduler, 'often')).find(({ outcome }) => outcome === 'skipped'),
    );
    await scheduler.fetch('/schedules/often/pause', { method: 'POST' });
    await gate.release();

    const all = await occurrencesOf(scheduler, 'often');
    const submitted = all.filter(({ outcome }) => outcome === 'submitted');
    expect(submitted).toHaveLength(1);
    expect(skipped.reason).toContain(submitted[0]?.jobId ?? 'no job');
    expect(await scheduler.jobEnded(submitted[0]?.jobId ?? '')).toMatchObject({
      state: 'done',
      schedule: { name: 'often', nominalAt: submitted[0]?.nominalAt },
    });
    await stopAll(worker, scheduler);
  });

  it(
    `F58: two schedulers, killed and started ${String(2 * RESTARTS)} times: one job for each occurrence`,
    { timeout: 180_000 },
    async () => {
      const { service, scheduler } = await prepare();
      await put(scheduler, 'often', { cron: '* * * * * *', overlap: 'allow' });
      let [first, second] = [scheduler, await service.startScheduler()];
      for (let restart = 0; restart < RESTARTS; restart += 1) {
        first.kill('SIGKILL');
        second.kill('SIGKILL');
        await Promise.all([first.exit, second.exit]);
        [first, second] = await Promise.all([service.startScheduler(), service.startScheduler()]);
      }
      await first.fetch('/schedules/often/pause', { method: 'POST' });

      const occurrences = await occurrencesOf(first, 'often');
      const submitted = occurrences.filter(({ outcome }) => outcome === 'submitted');
      expect(submitted.length).toBeGreaterThan(2);
      const jobs = await db.sql<{ nominal: string; jobs: bigint }>(
        `SELECT to_char(nominal_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') AS nominal,
              count(*) AS jobs
         FROM copyline_control.submission GROUP BY 1`,
      );
      expect(jobs.filter((row) => row.jobs !== 1n)).toEqual([]);
      expect(jobs.map(({ nominal }) => `${nominal}.000Z`).sort()).toEqual(
        submitted.map(({ nominalAt }) => nominalAt).sort(),
      );
      // Whatever a kill has kept from the queue, the reconciler brings to it.
      await waitFor(
        'the queue to know all jobs',
        async () => {
          const [found] = await db.sql<{ jobs: bigint }>('SELECT count(*) AS jobs FROM bullmq.job');
          return found?.jobs === BigInt(submitted.length);
        },
        { timeoutMs: 20_000 },
      );
      await stopAll(first, second);
    },
  );
});
