import { CopylineError } from '@copyline/contracts';
import { Secret } from '@copyline/dws-client';
import { postgres18, redisServer, startRedis, useOwnDatabase, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { Reconciler, submitWork, type QueueSetting } from '../../src/index.ts';
import { BACKENDS, enqueue, openQueue, useQueue } from '../support/backends.ts';
import { work, openControl } from '../support/control.ts';
import { startService, untilAborted } from '../support/runner.ts';

const NOTHING = { enqueued: 0, settled: 0 };

describe.each(BACKENDS)('the reconciler, on %s', (kind) => {
  const place = useQueue(kind);
  const db = useOwnDatabase(postgres18());

  it('hands over what the queue has not heard of, and leaves alone what it has', async () => {
    const service = await startService(db, place.setting());
    const { submissions, reconciler } = service;
    const { job } = await submissions.submit(work());
    const { id: pending } = await service.submit();
    expect(await reconciler.run()).toEqual({ enqueued: 1, settled: 0 });
    expect(await service.queue.stateOf(job.id)).toBe('pending');
    expect(await reconciler.run()).toEqual(NOTHING);

    service.target.script.push(untilAborted, untilAborted);
    const worker = await service.work({ concurrency: 2 });
    for (const id of [job.id, pending]) await service.until(id, { state: 'running' });
    expect(await reconciler.run()).toEqual(NOTHING);
    await worker.close(0, 10_000);
    expect(service.target.calls).toHaveLength(2);
  });

  it('waits for the silence that it was told', async () => {
    const { submissions, queue, target } = await startService(db, place.setting());
    await submissions.submit(work());
    const { lookUp } = target;
    const patient = new Reconciler({ submissions, queue, lookUp, silenceMs: 5_000 });
    expect(await patient.run()).toEqual(NOTHING);
    await db.sql(`UPDATE copyline_control.submission SET created_at = now() - interval '6 s'`);
    expect(await patient.run()).toEqual({ enqueued: 1, settled: 0 });
  });

  it('closes what the ledger says is done', async () => {
    const service = await startService(db, place.setting());
    const { job } = await service.submissions.submit(work());
    await service.submissions.start(job.id, 'dead');
    await db.sql('INSERT INTO loaded VALUES ($1)', [job.id]);
    expect(await service.reconciler.run()).toEqual({ enqueued: 0, settled: 1 });
    expect(await service.submissions.find(job.id)).toMatchObject({
      state: 'done',
      report: { rowsLoaded: 1 },
    });
    expect(await service.queue.stateOf(job.id)).toBe('absent');
    expect(await service.reconciler.run()).toEqual(NOTHING);
  });

  it('leaves it to a worker when the target cannot be asked', async () => {
    const { submissions, queue } = await startService(db, place.setting());
    const { job } = await submissions.submit(work());
    await submissions.start(job.id, 'dead');
    const lookUp = () => Promise.reject(new CopylineError('CONNECT_FAILED', 'refused'));
    const reconciler = new Reconciler({ submissions, queue, lookUp, silenceMs: 0 });
    expect(await reconciler.run()).toEqual({ enqueued: 1, settled: 0 });
  });

  it('runs again what the queue has given up, and the control database has not', async () => {
    const service = await startService(db, place.setting());
    const { id } = await service.submit();
    const taken = await service.queue.bullQueue.getJob(id);
    await taken?.remove();
    // The board says failed: a worker of another version, say.
    await service.queue.bullQueue.add('of-another-version', {}, { jobId: id });
    await service.work();
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await service.submissions.find(id)).toMatchObject({ state: 'queued' });
    expect(await service.reconciler.run()).toEqual({ enqueued: 1, settled: 0 });
    await service.until(id, { state: 'done' });
  });

  it('can be run by many at once', async () => {
    const service = await startService(db, place.setting());
    for (let i = 0; i < 20; i += 1) await service.submissions.submit(work());
    await Promise.all([1, 2, 3].map(() => service.reconciler.run()));
    expect(await service.queue.countWaiting()).toBe(20);
  });
});

describe.skipIf(redisServer() === undefined)('a Redis that forgets', () => {
  const db = useOwnDatabase(postgres18());

  it('FLUSHALL under 100 submissions: each is done exactly once', async () => {
    const redis = await startRedis();
    const setting: QueueSetting = { kind: 'redis', url: new Secret(redis.url) };
    const service = await startService(db, setting);
    const jobs = await Promise.all(Array.from({ length: 100 }, () => service.submit()));
    service.target.script.push(untilAborted);
    const worker = await service.work({ concurrency: 4, lockMs: 1_000 });
    await waitFor('some of them', async () => (await service.target.owners()).length >= 10);
    await redis.command('FLUSHALL');
    await waitFor(
      'all of them',
      async () => {
        await service.reconciler.run();
        return (
          (await service.target.owners()).length === 100 &&
          service.submissions
            .list({
              limit: 1,
              states: ['queued', 'running', 'waiting', 'in-doubt'],
            })
            .then(({ jobs: left }) => left.length === 0)
        );
      },
      { timeoutMs: 40_000, intervalMs: 200 },
    );
    expect(worker.isRunning).toBe(true);
    expect(await service.target.owners()).toEqual(jobs.map(({ id }) => id).sort());
    const { jobs: ended } = await service.submissions.list({ limit: 200 });
    expect(ended.map(({ state }) => state)).toEqual(Array(100).fill('done'));
  });

  it('F50: a submission that the queue did not take is not there', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue({ kind: 'redis', url: new Secret(redis.url) });
    const { submissions } = await openControl(db);
    await enqueue(queue);
    await redis.kill();
    const options = { idempotencyKey: 'k' };
    await expect(submitWork(queue, submissions, work(), options)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    expect(await submissions.list({ limit: 1 })).toEqual({ jobs: [], next: null });
    await redis.start();
    const again = await waitFor('the queue to accept', () =>
      submitWork(queue, submissions, work(), options).catch(() => undefined),
    );
    expect(again).toMatchObject({ isNew: true });
    const third = await submitWork(queue, submissions, work(), options);
    expect(third).toMatchObject({ isNew: false, job: { id: again.job.id } });
  });

  it('F50: the same request again, while the first is being refused, is not accepted', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue({ kind: 'redis', url: new Secret(redis.url) });
    const { submissions } = await openControl(db);
    await enqueue(queue);
    // It hangs: the first request waits for its answer, and has written its submission down.
    redis.pause();
    const submit = () => submitWork(queue, submissions, work(), { idempotencyKey: 'k' });
    const first = submit().catch((error: unknown) => error);
    await waitFor('it to be written', async () => (await submissions.list({ limit: 1 })).jobs[0]);
    const second = submit().catch((error: unknown) => error);
    expect(await first).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(await second).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect((await submissions.list({ limit: 1 })).jobs).toEqual([]);
    redis.resume();
  });

  it('a submission that is accepted twice at once is accepted once', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue({ kind: 'redis', url: new Secret(redis.url) });
    const { submissions } = await openControl(db, { max: 10 });
    const accepted = await Promise.all(
      Array.from({ length: 10 }, () =>
        submitWork(queue, submissions, work(), { idempotencyKey: 'k' }),
      ),
    );
    expect(new Set(accepted.map(({ job }) => job.id)).size).toBe(1);
    expect(accepted.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(await queue.countWaiting()).toBe(1);
  });
});
