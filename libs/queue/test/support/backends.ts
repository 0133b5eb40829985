import { Secret } from '@copyline/dws-client';
import {
  postgres18,
  redisServer,
  Signal,
  useOwnDatabase,
  useRedis,
  within,
} from '@copyline/testkit';
import type { Queue } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';

import {
  JobQueue,
  JobWorker,
  openQueueBackend,
  QUEUE_NAME,
  type JobDelivery,
  type JobHandlers,
  type JobPayload,
  type JobResult,
  type JobWorkerOptions,
  type QueueBackend,
  type QueueSetting,
} from '../../src/index.ts';

export type Kind = QueueSetting['kind'];

/** The backends that this machine can run; without Redis the run says so, or fails when `CI` is set. */
export const BACKENDS: readonly Kind[] =
  redisServer() === undefined ? ['postgres'] : ['postgres', 'redis'];

/** The queue of one test: an own database, or own keys. */
export interface TestQueue {
  readonly kind: Kind;
  readonly setting: () => QueueSetting;
  /** What a process needs to know to reach it: kind, URL, prefix. */
  readonly address: () => readonly string[];
  /** As the store does when a worker has been silent for too long. */
  readonly takeLockAway: (id: string) => Promise<void>;
}

/** Call it inside a `describe`; valid inside the tests. */
export function useQueue(kind: Kind): TestQueue {
  if (kind === 'postgres') {
    const database = useOwnDatabase(postgres18());
    return {
      kind,
      setting: () => ({ kind, target: database.url() }),
      address: () => [kind, database.url()],
      takeLockAway: async (id) => {
        const taken = await database.sql(
          `UPDATE bullmq.job SET lock_token = 'of nobody', locked_until_ms = 0
            WHERE id = $1 AND state = 'active' RETURNING id`,
          [id],
        );
        expect(taken).toHaveLength(1);
      },
    };
  }
  const server = redisServer();
  if (server === undefined) throw new Error('there is no Redis to test with');
  const redis = useRedis(server);
  return {
    kind,
    setting: () => ({ kind, url: new Secret(redis.url), prefix: redis.prefix }),
    address: () => [kind, redis.url, redis.prefix],
    takeLockAway: async (id) => {
      expect(await redis.command('DEL', `${redis.prefix}:${QUEUE_NAME}:${id}:lock`)).toBe('1');
    },
  };
}

/** Closed when the test ends, as all that is opened here; whatever was opened later goes first. */
export async function openBackend(setting: QueueSetting): Promise<QueueBackend> {
  const backend = await openQueueBackend(setting);
  onTestFinished(() => within('the backend to close', backend.close(), 10_000));
  return backend;
}

/** A queue and what it says of errors. */
export interface OpenQueue {
  readonly backend: QueueBackend;
  readonly queue: JobQueue;
  readonly errors: Error[];
}

export async function openQueue(setting: QueueSetting): Promise<OpenQueue> {
  const backend = await openBackend(setting);
  const errors: Error[] = [];
  const queue = new JobQueue(backend, (error) => errors.push(error));
  onTestFinished(() => within('the queue to close', queue.close(), 10_000));
  return { backend, queue, errors };
}

export type LoadHandler = JobHandlers['load'];
export type LoadDelivery = JobDelivery<'load'>;

export interface OpenWorker {
  readonly worker: JobWorker;
  readonly errors: Error[];
}

/** A worker with one handler; forced to its end when the test ends, if it was not before. */
export async function openWorker(
  backend: QueueBackend,
  load: LoadHandler,
  options: Partial<JobWorkerOptions> & { readonly extract?: JobHandlers['extract'] } = {},
): Promise<OpenWorker> {
  const errors: Error[] = [];
  const worker = new JobWorker(
    backend,
    { load, extract: options.extract ?? (() => Promise.reject(new Error('not in this test'))) },
    {
      name: 'test',
      concurrency: 1,
      lockMs: 30_000,
      onError: (error) => errors.push(error),
      ...options,
    },
  );
  onTestFinished(async () => {
    await within('the worker to close', worker.close(0, 1_000), 10_000);
  });
  await within('the worker to be ready', worker.waitUntilReady());
  return { worker, errors };
}

export const DONE: JobResult = { outcome: 'done', rows: 1 };

export function payload(submissionId: string = randomUUID()): JobPayload<'load'> {
  return { submissionId, source: 'inbox:orders.csv', connection: 'embedded', into: 'orders' };
}

/** Hands a new job to the queue. @returns its id */
export async function enqueue(queue: JobQueue): Promise<string> {
  const id = randomUUID();
  await queue.enqueue('load', id, payload(id));
  return id;
}

/** What the queue's own library says of a job. */
export async function bullJob(queue: JobQueue, id: string): ReturnType<Queue['getJob']> {
  return queue.bullQueue.getJob(id);
}

/** A handler that holds its jobs until the test lets them go, or the job is aborted. */
export class HeldLoads {
  readonly begun: string[] = [];
  readonly aborted: { readonly id: string; readonly reason: unknown }[] = [];
  readonly #open = new Signal();

  release(): void {
    this.#open.fire();
  }

  readonly handle: LoadHandler = async ({ payload: { submissionId }, signal }) => {
    this.begun.push(submissionId);
    const aborted = new Promise<never>((_resolve, reject) => {
      const onAbort = (): void => {
        this.aborted.push({ id: submissionId, reason: signal.reason });
        reject(signal.reason as Error);
      };
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
    });
    await Promise.race([this.#open.promise, aborted]);
    return DONE;
  };
}
