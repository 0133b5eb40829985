import { CopylineError, reportError, type JobState } from '@copyline/contracts';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { RunAgain, StartedRun, Submissions } from '../../src/index.ts';
import { work, openControl, reportOf } from '../support/control.ts';

const LOST = reportError(new CopylineError('CONNECTION_LOST', 'gone'));
const DONE = { state: 'done', report: reportOf(3), error: null } as const;
const again = (more: Partial<RunAgain> = {}): RunAgain => ({
  state: 'waiting',
  delayMs: 60_000,
  counts: 'failure',
  report: null,
  error: LOST,
  ...more,
});

describe.each(anyPostgres())('runs of a submission on $name', (server) => {
  const db = useTestDatabase(server);

  async function submitted(submissions: Submissions): Promise<string> {
    return (await submissions.submit(work())).job.id;
  }

  async function started(submissions: Submissions, id: string): Promise<StartedRun> {
    const run = await submissions.start(id, 'host:1');
    if (run === undefined) throw new Error('there was nothing to start');
    return run;
  }

  it('begins, tells of itself, and ends for good', async () => {
    const { submissions } = await openControl(db);
    const id = await submitted(submissions);
    const run = await started(submissions, id);
    expect(run).toMatchObject({ failures: 0, losses: 0, busy: 0, isUncertain: false });
    expect(run.job).toMatchObject({
      state: 'running',
      runs: 1,
      worker: 'host:1',
      finishedAt: null,
    });
    const progress = {
      ...{ phase: 'copy', bytesRead: 1, bytesTotal: 2, rowsParsed: 1 },
      ...{ bytesPerSecond: null, rowsPerSecond: 2.5, secondsLeft: null },
    };
    expect(await submissions.beat(id, run.runId, progress)).toEqual({ cancelRequested: false });
    expect(await submissions.beat(id, run.runId, undefined)).toEqual({ cancelRequested: false });
    expect(await submissions.find(id)).toMatchObject({ progress });

    expect(await submissions.finish(id, run.runId, DONE)).toBe(true);
    const done = await submissions.find(id);
    expect(done).toMatchObject({ state: 'done', report: { rowsLoaded: 3 }, error: null });
    expect(done).toMatchObject({ progress: null, nextRunAt: null });
    expect(Date.parse(done?.finishedAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(done?.startedAt ?? ''),
    );
    // The answer to the first was lost, say: the second changes nothing.
    expect(await submissions.finish(id, run.runId, { ...DONE, state: 'failed' })).toBe(false);
    expect(await submissions.putBack(id, run.runId, again())).toBe(false);
    expect(await submissions.start(id, 'host:2')).toBeUndefined();
    expect(await submissions.find(id)).toEqual(done);
  });

  it('has nothing to start for an id that is not there', async () => {
    const { submissions } = await openControl(db);
    expect(await submissions.start(randomUUID(), 'w')).toBeUndefined();
  });

  it('hears nothing any more of a run that was superseded', async () => {
    const { submissions } = await openControl(db);
    const id = await submitted(submissions);
    const zombie = await started(submissions, id);
    const newer = await started(submissions, id);
    expect(newer).toMatchObject({ losses: 1, isUncertain: true, job: { runs: 2 } });
    const before = await submissions.find(id);

    expect(await submissions.beat(id, zombie.runId, undefined)).toBeUndefined();
    expect(await submissions.finish(id, zombie.runId, { ...DONE, state: 'failed' })).toBe(false);
    expect(await submissions.putBack(id, zombie.runId, again())).toBe(false);
    expect(await submissions.find(id)).toEqual(before);
    expect(await submissions.finish(id, newer.runId, DONE)).toBe(true);
  });

  it('counts failures, busy ends in a row, and runs that never ended', async () => {
    const { submissions } = await openControl(db);
    const id = await submitted(submissions);
    const counts = async (): Promise<Pick<StartedRun, 'failures' | 'losses' | 'busy'>> => {
      const { failures, losses, busy } = await started(submissions, id);
      return { failures, losses, busy };
    };
    const back = async (more: Partial<RunAgain>): Promise<void> => {
      const run = await started(submissions, id);
      expect(await submissions.putBack(id, run.runId, again(more))).toBe(true);
    };
    await back({});
    await back({ state: 'in-doubt' });
    expect(await counts()).toEqual({ failures: 2, losses: 0, busy: 0 });
    // The run of `counts` has not ended: each `start` after it has lost one.
    await back({ counts: 'busy' });
    await back({ counts: 'busy' });
    expect(await counts()).toEqual({ failures: 2, losses: 1, busy: 2 });
    await back({ counts: 'nothing', state: 'queued' });
    expect(await counts()).toEqual({ failures: 2, losses: 2, busy: 0 });
  });

  it('waits for its next run in the state it was put back to', async () => {
    const { submissions } = await openControl(db);
    for (const state of ['queued', 'waiting', 'in-doubt'] as const) {
      const id = await submitted(submissions);
      const run = await started(submissions, id);
      await submissions.putBack(id, run.runId, again({ state }));
      const job = await submissions.find(id);
      expect(job).toMatchObject({ state, error: { code: 'CONNECTION_LOST' }, finishedAt: null });
      expect(Date.parse(job?.nextRunAt ?? '')).toBeGreaterThan(Date.parse(job?.startedAt ?? ''));
    }
  });

  it('F73: cancels at once what nobody runs, and asks whoever does', async () => {
    const { submissions } = await openControl(db);
    const bring = async (state: JobState): Promise<string> => {
      const id = await submitted(submissions);
      if (state === 'queued') return id;
      const { runId } = await started(submissions, id);
      if (state === 'waiting' || state === 'in-doubt') {
        await submissions.putBack(id, runId, again({ state }));
      } else if (state !== 'running') {
        await submissions.finish(id, runId, { ...DONE, state: state });
      }
      return id;
    };
    for (const state of ['queued', 'waiting'] as const) {
      const id = await bring(state);
      const job = await submissions.cancel(id);
      expect(job).toMatchObject({ state: 'cancelled', cancelRequested: true, nextRunAt: null });
      expect(job.finishedAt).not.toBeNull();
      expect(await submissions.start(id, 'w')).toBeUndefined();
    }
    for (const state of ['running', 'in-doubt'] as const) {
      const id = await bring(state);
      const job = await submissions.cancel(id);
      expect(job).toMatchObject({ state, cancelRequested: true, finishedAt: null });
      expect(await submissions.cancel(id)).toMatchObject({ state, cancelRequested: true });
      expect(await submissions.start(id, 'w')).toMatchObject({ job: { cancelRequested: true } });
    }
    for (const unheardOf of ['running', 'in-doubt'] as const) {
      const id = await bring(unheardOf);
      await submissions.putBack(id, (await started(submissions, id)).runId, again());
      const job = await submissions.cancel(id);
      expect(job).toMatchObject({ state: 'waiting', cancelRequested: true, finishedAt: null });
      // At once, not after its pause.
      expect(Date.parse(job.nextRunAt ?? '')).toBeLessThanOrEqual(Date.now());
    }
    for (const state of ['done', 'failed', 'cancelled'] as const) {
      const id = await bring(state);
      await expect(submissions.cancel(id)).rejects.toMatchObject({
        code: 'JOB_FINISHED',
        message: `The job has ended: it is ${state}`,
      });
    }
    await expect(submissions.cancel(randomUUID())).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('tells a run of the cancellation with its next sign of life', async () => {
    const { submissions } = await openControl(db);
    const id = await submitted(submissions);
    const { runId } = await started(submissions, id);
    await submissions.cancel(id);
    expect(await submissions.beat(id, runId, undefined)).toEqual({ cancelRequested: true });
    // Too late: what was committed is done.
    expect(await submissions.finish(id, runId, DONE)).toBe(true);
    expect(await submissions.find(id)).toMatchObject({ state: 'done', cancelRequested: true });
  });

  it('is overdue when it is due and silent, and settled only as it was seen', async () => {
    const { submissions } = await openControl(db);
    const overdue = async (silenceMs = 60_000): Promise<string[]> =>
      (await submissions.overdue(silenceMs, 100)).map(({ id }) => id);
    const age = (id: string, column: string, interval: string): Promise<unknown> =>
      db.sql(`UPDATE submission SET ${column} = now() + $2::interval WHERE id = $1`, [
        id,
        interval,
      ]);
    const queued = await submitted(submissions);
    const running = await submitted(submissions);
    const waiting = await submitted(submissions);
    const ended = await submitted(submissions);
    await started(submissions, running);
    const { runId } = await started(submissions, waiting);
    await submissions.putBack(waiting, runId, again());
    await submissions.finish(ended, (await started(submissions, ended)).runId, DONE);
    for (const id of [queued, running, waiting, ended]) await age(id, 'created_at', '-1 hour');

    expect(await overdue()).toEqual([queued]);
    await age(running, 'seen_at', '-2 min');
    await age(waiting, 'seen_at', '-2 min');
    expect(new Set(await overdue())).toEqual(new Set([queued, running]));
    await age(waiting, 'next_run_at', '-2 min');
    expect(new Set(await overdue())).toEqual(new Set([queued, running, waiting]));
    expect(await submissions.overdue(60_000, 2)).toHaveLength(2);

    const seen = await submissions.find(running);
    if (seen === undefined) throw new Error('it was there');
    await started(submissions, running);
    expect(await submissions.settle(seen, DONE)).toBe(false);
    const now = await submissions.find(running);
    expect(await submissions.settle(now ?? seen, DONE)).toBe(true);
    expect(await submissions.find(running)).toMatchObject({ state: 'done' });
  });
});
