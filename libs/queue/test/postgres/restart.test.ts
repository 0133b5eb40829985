import { connect } from '@copyline/dws-client';
import { startPostgres, waitFor, within, type RestartablePostgres } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { openQueueBackend, type QueueSetting } from '../../src/index.ts';
import { bullJob, DONE, enqueue, HeldLoads, openQueue, openWorker } from '../support/backends.ts';

const RECOVERY = { timeoutMs: 20_000 };
const PROMISED_MS = 2_000;

describe('a PostgreSQL that goes and comes back under the queue', () => {
  let postgres: RestartablePostgres;
  const setting = (): QueueSetting => ({ kind: 'postgres', target: postgres.url() });

  beforeEach(async () => {
    postgres = await startPostgres();
  });

  /** Sessions that listen for jobs. */
  async function listeners(): Promise<number> {
    await using connection = await connect({ target: postgres.url() });
    const { rows } = await connection.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE query ~ 'LISTEN' AND pid <> pg_backend_pid()`,
    );
    return rows.length;
  }

  it('F51: an idle worker listens again, and consumes', async () => {
    const { backend, queue } = await openQueue(setting());
    await openWorker(backend, () => Promise.resolve(DONE));
    const before = await enqueue(queue);
    await waitFor('a job', async () => (await queue.stateOf(before)) === 'ended');
    await waitFor('the worker to listen', async () => (await listeners()) > 0);

    for (let round = 0; round < 2; round += 1) {
      await postgres.stop();
      await expect(within('an answer', enqueue(queue), PROMISED_MS)).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
      });
      await postgres.start();
      await waitFor('the worker to listen', async () => (await listeners()) > 0, RECOVERY);
      const after = await waitFor('the queue to accept', () => enqueue(queue).catch(() => ''));
      await waitFor('a job', async () => (await queue.stateOf(after)) === 'ended', RECOVERY);
      expect(await bullJob(queue, after)).toMatchObject({ returnvalue: DONE });
    }
  });

  it('a busy worker ends its job although the answer has to wait', async () => {
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    const { worker } = await openWorker(backend, held.handle, { lockMs: 4_000 });
    const id = await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);

    await postgres.stop();
    held.release();
    await waitFor('the run to end', () => worker.running === 0);
    await postgres.start();
    const isEnded = async (): Promise<boolean> =>
      (await queue.stateOf(id).catch(() => 'absent')) === 'ended';
    await waitFor('the end of the job', isEnded, RECOVERY);
    expect(await bullJob(queue, id)).toMatchObject({ returnvalue: DONE });
    const next = await enqueue(queue);
    await waitFor('the next job', async () => (await queue.stateOf(next)) === 'ended', RECOVERY);
  });

  it('is named when it is not there at the start', async () => {
    await postgres.stop();
    const opening = openQueueBackend(setting());
    await expect(within('the refusal', opening)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });

  it('a worker and a queue can be closed while it is away', async () => {
    const { backend, queue } = await openQueue(setting());
    const held = new HeldLoads();
    const { worker } = await openWorker(backend, held.handle);
    await enqueue(queue);
    await waitFor('the job to begin', () => held.begun.length === 1);
    await postgres.stop();
    expect(await within('the worker to close', worker.close(0, 1_000), 15_000)).toBe(true);
    await within('the queue to close', queue.close(), 10_000);
    await within('the backend to close', backend.close(), 10_000);
  });
});
