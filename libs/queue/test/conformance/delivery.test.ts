import { waitFor } from '@copyline/testkit';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import {
  JobWorker,
  RunFailed,
  RunLater,
  type JobHandlers,
  type JobResult,
} from '../../src/index.ts';
import {
  BACKENDS,
  bullJob,
  DONE,
  enqueue,
  openQueue,
  openWorker,
  payload,
  useQueue,
} from '../support/backends.ts';

describe.each(BACKENDS)('what the queue delivers, on %s', (kind) => {
  const place = useQueue(kind);

  it('runs a job once, with its payload, and keeps its result', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const seen: unknown[] = [];
    await openWorker(backend, (delivery) => {
      seen.push(delivery.payload);
      return Promise.resolve(DONE);
    });
    const id = await enqueue(queue);

    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(seen).toEqual([payload(id)]);
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE, attemptsMade: 1 });
  });

  it('knows what it has: absent, pending, active, ended, and again absent', async () => {
    const { backend, queue } = await openQueue(place.setting());
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const id = randomUUID();
    expect(await queue.stateOf(id)).toBe('absent');
    await queue.enqueue('load', id, payload(id));
    expect(await queue.stateOf(id)).toBe('pending');
    await openWorker(backend, () => released.then(() => DONE));
    await waitFor('the job to be at work', async () => (await queue.stateOf(id)) === 'active');
    release();
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    await queue.remove(id);
    expect(await queue.stateOf(id)).toBe('absent');
  });

  it('keeps one job of one id, however often and from wherever it comes', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const other = await openQueue(place.setting());
    const id = randomUUID();
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 === 0 ? queue : other.queue).enqueue('load', id, payload(id)),
      ),
    );
    const runs: string[] = [];
    await openWorker(backend, ({ payload: { submissionId } }) => {
      runs.push(submissionId);
      return Promise.resolve(DONE);
    });
    const last = await enqueue(queue);
    await waitFor('the last job', async () => (await queue.stateOf(last)) === 'ended');

    await queue.enqueue('load', id, payload(id));
    const afterwards = await enqueue(queue);
    await waitFor('one more job', async () => (await queue.stateOf(afterwards)) === 'ended');
    expect(runs).toEqual([id, last, afterwards]);
  });

  it('refuses a payload that is not of its type', async () => {
    const { queue } = await openQueue(place.setting());
    const secret = { ...payload(), password: 'secret' };
    await expect(queue.enqueue('load', randomUUID(), secret)).rejects.toThrow(/password/);
    await expect(
      queue.enqueue('load', randomUUID(), { ...payload(), submissionId: '7' }),
    ).rejects.toThrow(/UUID/);
    expect(await queue.bullQueue.count()).toBe(0);
  });

  it('fails a job that came from another version, without running it', async () => {
    const { backend, queue } = await openQueue(place.setting());
    await openWorker(backend, () => Promise.reject(new Error('must not be run')));
    await queue.bullQueue.add('load', { submissionId: 'of-old' }, { jobId: 'old-payload' });
    await queue.bullQueue.add('newer', payload(), { jobId: 'new-type' });

    for (const [id, reason] of [
      ['old-payload', 'The payload is not one of this version'],
      ['new-type', 'There is no type of job named newer'],
    ] as const) {
      await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
      const job = await bullJob(queue, id);
      expect(job).toMatchObject({ failedReason: reason, attemptsMade: 1 });
    }
  });

  it('does not start a worker whose handlers are not the types of jobs', async () => {
    const { backend } = await openQueue(place.setting());
    const start = (handlers: object): JobWorker =>
      new JobWorker(backend, handlers as JobHandlers, {
        name: 'test',
        concurrency: 1,
        lockMs: 30_000,
        onError: () => undefined,
      });
    expect(() => start({})).toThrow('no handler for jobs of type load');
    const load = (): Promise<JobResult> => Promise.resolve(DONE);
    expect(() => start({ load, extract: load, laod: load })).toThrow(
      'a handler for laod, which is no type of job',
    );
  });

  it('delivers again after the pause that a run asks for, as often as it asks', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const times: number[] = [];
    await openWorker(backend, () => {
      times.push(performance.now());
      if (times.length < 12) throw new RunLater('busy', times.length === 1 ? 300 : 0);
      return Promise.resolve(DONE);
    });
    const id = await enqueue(queue);

    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(times).toHaveLength(12);
    // A pause may be longer than asked for, never shorter (but for the milliseconds of two clocks).
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(290);
    const job = await bullJob(queue, id);
    expect(job).toMatchObject({ returnvalue: DONE, attemptsMade: 12 });
    // What is left of BullMQ's own attempts outlasts any queue.
    expect(job?.opts.attempts).toBeGreaterThanOrEqual(100_000);
  });

  it('keeps a job that waits for its next run among the pending', async () => {
    const { backend, queue } = await openQueue(place.setting());
    await openWorker(backend, () => Promise.reject(new RunLater('busy', 600_000)));
    const id = await enqueue(queue);
    await waitFor('its first run', async () => (await bullJob(queue, id))?.attemptsMade === 1);
    expect(await queue.stateOf(id)).toBe('pending');
    expect(await bullJob(queue, id)).toMatchObject({ delay: 600_000 });
  });

  it('ends a job that failed for good, with the reason', async () => {
    const { backend, queue } = await openQueue(place.setting());
    let runs = 0;
    await openWorker(backend, () => {
      runs += 1;
      return Promise.reject(new RunFailed('VALUE_REFUSED: record 7'));
    });
    const id = await enqueue(queue);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await (await bullJob(queue, id))?.getState()).toBe('failed');
    expect(await bullJob(queue, id)).toMatchObject({ failedReason: 'VALUE_REFUSED: record 7' });
    expect(runs).toBe(1);
  });

  it('delivers again after an error that the handler did not foresee', async () => {
    const { backend, queue } = await openQueue(place.setting());
    let runs = 0;
    await openWorker(backend, () => {
      runs += 1;
      if (runs === 1) throw new TypeError('cannot read properties of undefined');
      return Promise.resolve(DONE);
    });
    const id = await enqueue(queue);
    await waitFor('its first run', async () => (await bullJob(queue, id))?.attemptsMade === 1);
    const waiting = await bullJob(queue, id);
    expect(await waiting?.getState()).toBe('delayed');
    expect(waiting?.failedReason).toContain('cannot read properties');
    // The pause is five seconds; nobody has to wait for it.
    await queue.hurry(id);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    for (const notPausing of [id, randomUUID()]) await queue.hurry(notPausing);
    expect(runs).toBe(2);
  });
});
