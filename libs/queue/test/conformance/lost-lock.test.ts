import { runProcess, waitFor, within } from '@copyline/testkit';
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

const HANGING_WORKER = new URL('../support/hanging-worker.mjs', import.meta.url).pathname;
const SHORT_LOCK = { lockMs: 1_000 };

describe.each(BACKENDS)('a job whose worker has lost it, on %s', (kind) => {
  const place = useQueue(kind);

  it('T10: hears of it, and the next delivery runs it', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    const firstOnly: LoadHandler = (delivery) =>
      held.begun.length === 0 ? held.handle(delivery) : Promise.resolve(DONE);
    const { errors } = await openWorker(backend, firstOnly, SHORT_LOCK);
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);

    await place.takeLockAway(id);
    await waitFor('the abort', () => held.aborted.length === 1);
    expect(held.aborted).toMatchObject([{ id, reason: { code: 'LOAD_SUPERSEDED' } }]);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    expect(errors.map(String).join()).toContain('could not renew lock');
  });

  it('is not run twice at once by the worker that gets it back', async () => {
    const { backend, queue } = await openQueue(place.setting());
    let atWork = 0;
    let most = 0;
    let runs = 0;
    const held = new HeldLoads();
    const { worker } = await openWorker(
      backend,
      async () => {
        runs += 1;
        atWork += 1;
        most = Math.max(most, atWork);
        try {
          // Deaf to the abort for a while, as a load is between COMMIT and its answer.
          if (runs === 1) await held.handle(deafDelivery());
          return DONE;
        } finally {
          atWork -= 1;
        }
      },
      { ...SHORT_LOCK, concurrency: 3 },
    );
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => runs === 1);
    await place.takeLockAway(id);
    await waitFor('its next delivery', async () => {
      const job = await bullJob(queue, id);
      return (job?.attemptsStarted ?? 0) >= 2 && (await job?.getState()) === 'delayed';
    });
    expect(worker.running).toBe(1);
    held.release();
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
  });

  it('does not lose what the other worker has made of it', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const zombie = new HeldLoads();
    const { errors } = await openWorker(
      backend,
      (delivery) => zombie.handle({ ...delivery, ...deafDelivery() }),
      SHORT_LOCK,
    );
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => zombie.begun.length === 1);
    const other = new HeldLoads();
    await openWorker(await openBackend(place.setting()), other.handle, SHORT_LOCK);

    await place.takeLockAway(id);
    await waitFor('the other worker', () => other.begun.length === 1);
    // The zombie ends: neither its result nor its failure counts.
    zombie.release();
    await waitFor('the refusal', () =>
      errors.some(({ message }) => message.includes('moveToFinished')),
    );
    expect(await queue.stateOf(id)).toBe('active');
    other.release();
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    expect(other.aborted).toEqual([]);
  });

  it('F53: is aborted when the process stood still for longer than its lock', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const held = new HeldLoads();
    await openWorker(
      backend,
      (delivery) =>
        held.handle(delivery).catch((error: unknown) => {
          throw new RunLater(String(error), 0);
        }),
      SHORT_LOCK,
    );
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);
    const thief = runProcess(process.execPath, [HANGING_WORKER, ...place.address()]);
    await thief.waitForOutput(/ready/);
    // A job that is marked as stalled once is taken at the next look: the thief looks every 500 ms.

    const until = performance.now() + 2_500;
    while (performance.now() < until);
    await thief.waitForOutput(new RegExp(`took ${id}`));
    await waitFor('the abort', () => held.aborted.length === 1);
    expect(held.aborted).toMatchObject([{ id, reason: { code: 'LOAD_SUPERSEDED' } }]);
  });

  it('F1: is run by another worker when its own was killed', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const id = await enqueue(queue);
    const victim = runProcess(process.execPath, [HANGING_WORKER, ...place.address()]);
    await victim.waitForOutput(new RegExp(`took ${id}`));
    let runs = 0;
    await openWorker(
      backend,
      () => {
        runs += 1;
        return Promise.resolve(DONE);
      },
      SHORT_LOCK,
    );
    const next = await enqueue(queue);
    await waitFor('the next job', async () => (await queue.stateOf(next)) === 'ended');
    expect(await queue.stateOf(id)).toBe('active');

    victim.kill('SIGKILL');
    await within('the end of the process', victim.exit);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE, attemptsStarted: 2 });
    expect(runs).toBe(2);
  });
});

function deafDelivery(): Parameters<LoadHandler>[0] {
  return {
    payload: { submissionId: '', source: '', connection: '', into: '' },
    signal: new AbortController().signal,
    log: () => undefined,
    report: () => undefined,
  };
}
