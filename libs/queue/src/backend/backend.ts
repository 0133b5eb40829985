import type { Queue, QueueOptions, Worker, WorkerOptions, Processor } from 'bullmq';

import { openPostgresBackend, type PostgresSetting } from './postgres-backend.ts';
import { openRedisBackend, type RedisSetting } from './redis-backend.ts';

/** Where the queue is kept. */
export type QueueSetting = RedisSetting | PostgresSetting;

/** What is the same on both backends; a worker or a queue is made by its backend. */
export interface QueueBackend extends AsyncDisposable {
  readonly kind: QueueSetting['kind'];
  /** Where it is; never a password. */
  readonly at: string;
  createQueue(name: string, options: Omit<QueueOptions, 'connection'>): Queue;
  createWorker(
    name: string,
    processor: Processor,
    options: Omit<WorkerOptions, 'connection'>,
  ): Worker;
  close(): Promise<void>;
}

/**
 * Connects to the queue's store and makes sure that it can be trusted with jobs.
 *
 * @throws CopylineError `QUEUE_UNAVAILABLE`, `QUEUE_UNSAFE`, or as `connect` does
 */
export function openQueueBackend(setting: QueueSetting): Promise<QueueBackend> {
  return setting.kind === 'redis' ? openRedisBackend(setting) : openPostgresBackend(setting);
}
