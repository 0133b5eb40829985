import { waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { RunFailed, RunLater, type JobResult } from '../../src/index.ts';
import {
  BACKENDS,
  bullJob,
  DONE,
  enqueue,
  openQueue,
  openWorker,
  useQueue,
} from '../support/backends.ts';

const circular: { self?: unknown } = {};
circular.self = circular;

/** Lone surrogates, a NUL and what a terminal would obey: all of it may stand in a dirty file. */
const DIRTY = 'value \0 \ud800 \udfff \u001b[31m “ü” 💾';

describe.each(BACKENDS)('what a run leaves behind, on %s', (kind) => {
  const place = useQueue(kind);

  it.each([
    ['a BigInt', { ...DONE, rows: 7n }],
    ['a circle', { ...DONE, circular }],
    ['nothing', undefined],
    ['something of another version', { outcome: 'splendid' }],
  ])('F69: a result with %s neither fails the job nor has it run again', async (_, result) => {
    const { backend, queue } = await openQueue(place.setting());
    let runs = 0;
    const { errors } = await openWorker(backend, () => {
      runs += 1;
      return Promise.resolve(result as unknown as JobResult);
    });
    const id = await enqueue(queue);
    await waitFor('the first run', () => runs === 1);
    await waitFor('its end in the queue', async () => (await bullJob(queue, id))?.attemptsMade);

    expect(await (await bullJob(queue, id))?.getState()).toBe('completed');
    expect(errors.map(({ message }) => message)).toEqual([
      'The result of a job of type load is not of its type',
    ]);
    const next = await enqueue(queue);
    await waitFor('the next job', async () => (await queue.stateOf(next)) === 'ended');
    expect(runs).toBe(2);
  });

  it('F68: stores the reason of a failure whatever is in it', async () => {
    const { backend, queue } = await openQueue(place.setting());
    let runs = 0;
    await openWorker(backend, () => {
      runs += 1;
      throw runs === 1 ? new RunLater(DIRTY, 0) : new RunFailed(DIRTY);
    });
    const id = await enqueue(queue);
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    const job = await bullJob(queue, id);
    expect(await job?.getState()).toBe('failed');
    expect(job?.failedReason).toContain('“ü” 💾');
    expect(runs).toBe(2);
  });

  it('keeps all lines of a log that come at once, in their order', async () => {
    const { backend, queue } = await openQueue(place.setting());
    const lines = Array.from({ length: 200 }, (_, i) => `line ${String(i)}`);
    await openWorker(backend, (delivery) => {
      for (const line of lines) delivery.log(line);
      return Promise.resolve(DONE);
    });
    const id = await enqueue(queue);
    const logs = await waitFor('the last line', async () => {
      const found = await queue.bullQueue.getJobLogs(id);
      return found.logs.at(-1) === lines.at(-1) ? found.logs : undefined;
    });
    expect(logs).toEqual(lines);
  });

  it('shows progress and lines whatever is in them, and goes on when it cannot', async () => {
    const { backend, queue } = await openQueue(place.setting());
    await openWorker(backend, (delivery) => {
      delivery.report({ phase: DIRTY, circular });
      delivery.report({ phase: 'copy', rows: 1 });
      delivery.log(DIRTY);
      delivery.log('after');
      return Promise.resolve(DONE);
    });
    const id = await enqueue(queue);
    await waitFor('the last line', async () =>
      (await queue.bullQueue.getJobLogs(id)).logs.includes('after'),
    );
    await waitFor('the end of the job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await bullJob(queue, id)).toMatchObject({
      progress: { phase: 'copy', rows: 1 },
      returnvalue: DONE,
    });
  });
});
