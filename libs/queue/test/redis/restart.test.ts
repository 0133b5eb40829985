import { Secret } from '@copyline/dws-client';
import { redisServer, startRedis, waitFor, within, type PrivateRedis } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { RunLater, type QueueSetting } from '../../src/index.ts';
import {
  bullJob,
  DONE,
  enqueue,
  HeldLoads,
  openBackend,
  openQueue,
  openWorker,
} from '../support/backends.ts';

/** A lost connection is made again within two seconds; then comes the worker's own pause. */
const RECOVERY = { timeoutMs: 20_000 };
const SHORT_LOCK = { lockMs: 1_000 };

describe.skipIf(redisServer() === undefined)('a Redis that goes and comes back', () => {
  let redis: PrivateRedis;
  const setting = (): QueueSetting => ({ kind: 'redis', url: new Secret(redis.url) });

  beforeEach(async () => {
    redis = await startRedis();
  });

  it.each([
    ['crashes', () => redis.kill()],
    ['is shut down', () => redis.shutdown()],
  ])('F44: an idle worker consumes again after it %s', async (_, end) => {
    const { backend, queue } = await openQueue(setting());
    await openWorker(backend, () => Promise.resolve(DONE));
    const before = await enqueue(queue);
    await waitFor('a job', async () => (await queue.stateOf(before)) === 'ended');

    await end();
    await expect(enqueue(queue)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await redis.start();
    const after = await waitFor(
      'the queue to accept',
      () => enqueue(queue).catch(() => ''),
      RECOVERY,
    );
    await waitFor('a job', async () => (await queue.stateOf(after)) === 'ended', RECOVERY);
    expect(await bullJob(queue, after)).toMatchObject({ returnvalue: DONE });
  });

  it('F44: a busy worker keeps its job, loses only the answer, and consumes again', async () => {
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    await openWorker(backend, held.handle, { concurrency: 2 });
    const lost = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);

    await redis.kill();
    await redis.start();
    held.release();
    const next = await waitFor(
      'the queue to accept',
      () => enqueue(queue).catch(() => ''),
      RECOVERY,
    );
    await waitFor('a job', async () => (await queue.stateOf(next)) === 'ended', RECOVERY);
    expect(await bullJob(queue, next)).toMatchObject({ returnvalue: DONE });
    // Redis has forgotten it; the reconciler has not.
    expect(await queue.stateOf(lost)).toBe('absent');
    expect(held.begun).toEqual([lost, next]);
  });

  it('F45: with its file it forgets nothing, and the job at work is delivered again', async () => {
    redis = await startRedis({ appendonly: true });
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    const { worker } = await openWorker(backend, held.handle, SHORT_LOCK);
    const atWork = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);
    const waiting = await enqueue(queue);

    await redis.kill();
    expect(await within('the worker to close', worker.close(0, 100), 10_000)).toBe(true);
    await redis.start();
    await openWorker(await openBackend(setting()), () => Promise.resolve(DONE), SHORT_LOCK);
    for (const id of [atWork, waiting]) {
      const isEnded = async (): Promise<boolean> =>
        (await queue.stateOf(id).catch(() => 'absent')) === 'ended';
      await waitFor('the end of the job', isEnded, RECOVERY);
      expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    }
  });

  it('F46: FLUSHALL under a job at work aborts it, and the worker goes on', async () => {
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    await openWorker(
      backend,
      (delivery) =>
        held.begun.length > 0
          ? Promise.resolve(DONE)
          : held.handle(delivery).catch((error: unknown) => {
              throw new RunLater(String(error), 0);
            }),
      SHORT_LOCK,
    );
    const lost = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);

    await redis.command('FLUSHALL');
    await waitFor('the abort', () => held.aborted.length === 1);
    expect(held.aborted).toMatchObject([{ id: lost, reason: { code: 'LOAD_SUPERSEDED' } }]);
    const next = await enqueue(queue);
    await waitFor('the next job', async () => (await queue.stateOf(next)) === 'ended', RECOVERY);
    expect(await queue.stateOf(lost)).toBe('absent');
  });

  it('F46: FLUSHALL under an idle worker, again and again, does not stop it', async () => {
    const { backend, queue } = await openQueue(setting());
    await openWorker(backend, () => Promise.resolve(DONE));
    for (let round = 0; round < 5; round += 1) {
      await redis.command('FLUSHALL');
      const id = await enqueue(queue);
      await waitFor('the job', async () => (await queue.stateOf(id)) === 'ended', RECOVERY);
    }
  });

  it('a worker and a queue can be closed while it is away', async () => {
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    const { worker } = await openWorker(backend, held.handle);
    await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);
    await redis.kill();
    expect(await within('the worker to close', worker.close(0, 1_000), 15_000)).toBe(true);
    await within('the queue to close', queue.close(), 10_000);
    await within('the backend to close', backend.close(), 10_000);
  });
});
