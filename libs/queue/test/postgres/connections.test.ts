import { postgres18, useOwnDatabase, waitFor, within } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { JobQueue, openQueueBackend, RunLater } from '../../src/index.ts';
import { DONE, enqueue, openBackend, openQueue, openWorker } from '../support/backends.ts';

/** The pool of one backend. */
const MOST_CONNECTIONS = 8;

describe('connections of the queue to PostgreSQL', () => {
  const db = useOwnDatabase(postgres18());
  const setting = () => ({ kind: 'postgres', target: db.url() }) as const;

  async function sessions(): Promise<number> {
    const [row] = await db.sql<{ count: number }>(
      `SELECT count(*)::int4 AS count FROM pg_stat_activity
        WHERE datname = current_database()
          -- Autovacuum comes when it likes.
          AND backend_type = 'client backend'
          -- A session that has made the tables ends a moment after its client.
          AND application_name NOT IN ('testkit', 'copyline migration')`,
    );
    return row?.count ?? 0;
  }

  it('are never more than one pool, for a queue and a worker with many jobs at once', async () => {
    const { backend, queue } = await openQueue(setting());
    let most = 0;
    let counting = Promise.resolve(0);
    await openWorker(
      backend,
      async (delivery) => {
        delivery.log('begun');
        const counted = (counting = counting.then(sessions));
        most = Math.max(most, await counted);
        return DONE;
      },
      { concurrency: 20 },
    );
    const ids = await Promise.all(Array.from({ length: 60 }, () => enqueue(queue)));
    for (const id of ids) {
      await waitFor('the end of a job', async () => (await queue.stateOf(id)) === 'ended');
    }
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(MOST_CONNECTIONS);
  });

  it('are all gone after close, which may be called twice', async () => {
    const backend = await openQueueBackend(setting());
    const queue = new JobQueue(backend, () => undefined);
    const { worker } = await openWorker(backend, () => Promise.resolve(DONE));
    const id = await enqueue(queue);
    await waitFor('the end of a job', async () => (await queue.stateOf(id)) === 'ended');
    expect(await sessions()).toBeGreaterThan(0);

    await within('the worker to close', worker.close(0, 0));
    await within('the queue to close', queue.close());
    await within('the backend to close', Promise.all([backend.close(), backend.close()]));
    await waitFor('the sessions to end', async () => (await sessions()) === 0);
  });

  it('makes its tables once, however many processes come at the same time', async () => {
    const backends = await Promise.all(Array.from({ length: 6 }, () => openBackend(setting())));
    expect(backends.map(({ kind }) => kind)).toEqual(Array(6).fill('postgres'));
    const versions = await db.sql(`SELECT * FROM bullmq.migration`);
    expect(versions.length).toBeGreaterThan(0);
  });

  it('F52: two workers never end a job without having done it', async () => {
    const { backend, queue } = await openQueue(setting());
    const done = new Map<string, number>();
    for (const each of [backend, await openBackend(setting())]) {
      const delayed = new Set<string>();
      await openWorker(
        each,
        ({ payload: { submissionId } }) => {
          if (!delayed.has(submissionId)) {
            delayed.add(submissionId);
            throw new RunLater('busy', 20);
          }
          done.set(submissionId, (done.get(submissionId) ?? 0) + 1);
          return Promise.resolve(DONE);
        },
        { concurrency: 4 },
      );
    }
    const ids = await Promise.all(Array.from({ length: 60 }, () => enqueue(queue)));
    for (const id of ids) {
      await waitFor('the end of a job', async () => (await queue.stateOf(id)) === 'ended');
    }
    expect([...done.values()]).toEqual(Array(60).fill(1));
    expect(new Set(done.keys())).toEqual(new Set(ids));
  });
});
