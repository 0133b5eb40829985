import { Secret } from '@copyline/dws-client';
import { redisServer, startRedis, waitFor, within } from '@copyline/testkit';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';

import { openQueueBackend, type QueueSetting } from '../../src/index.ts';
import { bullJob, DONE, enqueue, openQueue, openWorker } from '../support/backends.ts';

/** A person waits; the promise is two seconds. Nothing here is measured: it is what never hangs. */
const PROMISED_MS = 2_000;

const settingOf = (url: string): QueueSetting => ({ kind: 'redis', url: new Secret(url) });

describe.skipIf(redisServer() === undefined)('a Redis that cannot be used', () => {
  it.each(['allkeys-lru', 'volatile-lru', 'allkeys-random', 'volatile-ttl'])(
    'F49: is refused when its policy is %s',
    async (policy) => {
      const redis = await startRedis({ policy });
      await expect(openQueueBackend(settingOf(redis.url))).rejects.toMatchObject({
        code: 'QUEUE_UNSAFE',
        message: `Redis at redis://127.0.0.1:${String(redis.port)} has the maxmemory-policy ${policy}: it may throw jobs away`,
      });
    },
  );

  it('F50: is named, without its password, when it is not there at the start', async () => {
    const redis = await startRedis();
    await redis.kill();
    const opening = openQueueBackend(settingOf(redis.url));
    const error = await within(
      'the refusal',
      opening.catch((reason: unknown) => reason),
      6_000,
    );
    expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(String(error)).toContain(`127.0.0.1:${String(redis.port)} cannot be reached`);
    expect(String(error)).toContain('ECONNREFUSED');
    expect(String(error)).not.toContain(redis.password);
  });

  it('says that its password is wrong', async () => {
    const redis = await startRedis();
    const wrong = redis.url.replace(redis.password, 'not-it');
    const opening = openQueueBackend(settingOf(wrong));
    const error = await within(
      'the refusal',
      opening.catch((reason: unknown) => reason),
      6_000,
    );
    expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(String(error)).toContain('WRONGPASS');
    expect(String(error)).not.toContain('not-it');
  });

  it('is told from one that takes connections and never answers', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const opening = openQueueBackend(settingOf(`redis://127.0.0.1:${String(port)}`));
    await expect(within('the refusal', opening, 10_000)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
  });

  it('F50: refuses at once, and no promise hangs, while it is away', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue(settingOf(redis.url));
    const id = await enqueue(queue);
    await redis.kill();
    for (const request of [
      () => enqueue(queue),
      () => queue.stateOf(id),
      () => queue.remove(id),
      () => queue.countWaiting(),
    ]) {
      await expect(within<unknown>('an answer', request(), PROMISED_MS)).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
        retry: 'retry',
      });
    }
  });

  it('F50: refuses in time when it hangs', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue(settingOf(redis.url));
    await enqueue(queue);
    redis.pause();
    await expect(within('an answer', enqueue(queue), PROMISED_MS)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    redis.resume();
    const next = await waitFor('the queue to accept', () => enqueue(queue).catch(() => ''));
    expect(await queue.stateOf(next)).toBe('pending');
  });

  it('F48: refuses jobs when its memory is full, with its reason, and takes them again', async () => {
    const redis = await startRedis();
    const { queue } = await openQueue(settingOf(redis.url));
    await enqueue(queue);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1kb');
    const error = await enqueue(queue).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(String(error)).toContain('OOM');
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await queue.stateOf(await enqueue(queue))).toBe('pending');
  });

  it('F48: a run that ends while its memory is full is done all the same', async () => {
    const redis = await startRedis();
    const { backend, queue } = await openQueue(settingOf(redis.url));
    let runs = 0;
    await openWorker(
      backend,
      async () => {
        runs += 1;
        await redis.command('CONFIG', 'SET', 'maxmemory', '1kb');
        return DONE;
      },
      { lockMs: 1_000 },
    );
    const id = await enqueue(queue);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    const next = await enqueue(queue);
    await waitFor('the next job', async () => (await queue.stateOf(next)) === 'ended');
    expect(runs).toBe(2);
  });
});
