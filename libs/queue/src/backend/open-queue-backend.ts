import type { QueueBackend } from './backend.ts';
import { openPostgresBackend, type PostgresSetting } from './postgres-backend.ts';
import { openRedisBackend, type RedisSetting } from './redis-backend.ts';

/** Where the queue is kept. */
export type QueueSetting = RedisSetting | PostgresSetting;

/**
 * Connects to the queue's store and makes sure that it can be trusted with jobs.
 *
 * @throws CopylineError `QUEUE_UNAVAILABLE`, `QUEUE_UNSAFE`, or as `connect` does
 */
export function openQueueBackend(setting: QueueSetting): Promise<QueueBackend> {
  return setting.kind === 'redis' ? openRedisBackend(setting) : openPostgresBackend(setting);
}
