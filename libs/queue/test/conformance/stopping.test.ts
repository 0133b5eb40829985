import { waitFor, within } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { RunLater } from '../../src/index.ts';
import {
  BACKENDS,
  bullJob,
  DONE,
  enqueue,
  HeldLoads,
  openBackend,
  openQueue,
  openWorker,
  useQueue,
  type LoadHandler,
} from '../support/backends.ts';

/** Never waited for: whoever needs it has hung. */
const LONG_MS = 30_000;

/** What the engine does when it is told to stop, as the runner tells the queue. */
const stoppable =
  (held: HeldLoads): LoadHandler =>
  (delivery) =>
    held.handle(delivery).catch((error: unknown) => {
      throw new RunLater(String(error), 0);
    });

describe.each(BACKENDS)('a worker that is told to stop, on %s', (kind) => {
  const place = useQueue(kind);

  it('F4: lets the jobs at work come to their end, and takes no more', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    const { worker } = await openWorker(backend, held.handle);
    const first = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);
    const second = await enqueue(queue);

    const closing = worker.close(LONG_MS, LONG_MS);
    expect(worker.isRunning).toBe(false);
    expect(worker.running).toBe(1);
    held.release();
    expect(await within('the worker to close', closing)).toBe(true);

    expect(await bullJob(queue, first)).toMatchObject({ returnvalue: DONE, attemptsMade: 1 });
    expect(await queue.stateOf(second)).toBe('pending');
    expect(held).toMatchObject({ begun: [first], aborted: [] });
    expect(worker.running).toBe(0);
  });

  it('F5: aborts a job after its grace; another worker runs it', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    const { worker, errors } = await openWorker(backend, stoppable(held));
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);

    expect(await within('the worker to close', worker.close(0, LONG_MS))).toBe(true);
    expect(held.aborted).toMatchObject([{ id, reason: { code: 'INTERRUPTED' } }]);
    expect(await queue.stateOf(id)).toBe('pending');
    expect(errors).toEqual([]);

    await openWorker(await openBackend(place.setting()), () => Promise.resolve(DONE));
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE, attemptsMade: 2 });
  });

  it('F5: says so when a job does not heed the abort; its lock runs out', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    let begun = 0;
    const deaf: LoadHandler = (delivery) => {
      begun += 1;
      return held.handle({ ...delivery, signal: new AbortController().signal });
    };
    const { worker } = await openWorker(backend, deaf, { lockMs: 1_000 });
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => begun === 1);

    expect(await within('the worker to close', worker.close(0, 50), 10_000)).toBe(false);
    await openWorker(await openBackend(place.setting()), () => Promise.resolve(DONE), {
      lockMs: 1_000,
    });
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    held.release();
  });

  it('is idle at once when it has nothing to do', async () => {
    const { backend } = await openQueue(place.setting());
    const { worker } = await openWorker(backend, () => Promise.resolve(DONE));
    expect(await within('the worker to close', worker.close(LONG_MS, LONG_MS))).toBe(true);
  });

  it('gives back what it fetches at that very moment', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    const ids: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      const { worker } = await openWorker(backend, stoppable(held));
      const added = enqueue(queue);
      // The job arrives before, while and after the worker hears of its end.
      for (let turn = 0; turn < round; turn += 1) await new Promise(setImmediate);
      expect(await within('the worker to close', worker.close(20, LONG_MS), 8_000)).toBe(true);
      ids.push(await added);
    }
    held.release();
    await openWorker(await openBackend(place.setting()), () => Promise.resolve(DONE));
    for (const id of ids) {
      await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
      expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    }
  });
});
