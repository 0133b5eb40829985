import { CopylineError } from '@copyline/contracts';
import type { Secret } from '@copyline/dws-client';
import { Queue, Worker, type ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { once } from 'node:events';

import type { QueueBackend } from './backend.ts';

export interface RedisSetting {
  readonly kind: 'redis';
  /** `redis://` or `rediss://`, with its password if it has one. */
  readonly url: Secret;
  /** Begins all keys. Default: `copyline`. */
  readonly prefix?: string;
}

/** A person waits for the answer: a server that is not there must be told from a slow one. */
const COMMAND_TIMEOUT_MS = 1_500;
const CONNECT_TIMEOUT_MS = 5_000;
/** A Redis that restarts is back within seconds; longer pauses would only delay the jobs. */
const LONGEST_RECONNECT_MS = 2_000;

interface ClientOptions {
  readonly maxRetriesPerRequest: number | null;
  readonly commandTimeout?: number;
  readonly enableOfflineQueue?: boolean;
}

export async function openRedisBackend(setting: RedisSetting): Promise<QueueBackend> {
  const { url, prefix = 'copyline' } = setting;
  const at = describeUrl(url.reveal());
  const clients: Redis[] = [];
  const connectClient = (options: ClientOptions): Redis => {
    const client = new Redis(url.reveal(), {
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (times) => Math.min(times * 100, LONGEST_RECONNECT_MS),
      ...options,
    });
    // Without a listener a lost connection would end the process. Whoever uses the connection at
    // that moment hears of it through the queue or the worker, which report it.
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const close = async (): Promise<void> => {
    await Promise.all(clients.map(closeClient));
  };

  const producer = connectClient({
    commandTimeout: COMMAND_TIMEOUT_MS,
    // A command that cannot be sent now fails now.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
  });
  try {
    await becomeReady(producer, at);
    await assertKeepsJobs(producer, at);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind: 'redis',
    at,
    createQueue: (name, options) =>
      new Queue(name, { ...options, prefix, connection: asConnection(producer) }),
    createWorker: (name, processor, options) =>
      new Worker(name, processor, {
        ...options,
        prefix,
        // A worker outlives its server: its commands wait for the next connection.
        connection: asConnection(connectClient({ maxRetriesPerRequest: null })),
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** BullMQ's types know ioredis by another copy of its declarations. */
function asConnection(client: Redis): ConnectionOptions {
  return client;
}

async function becomeReady(client: Redis, at: string): Promise<void> {
  let reason = 'no answer';
  const onError = (error: Error): void => {
    reason = error.message === '' ? error.name : error.message;
  };
  client.on('error', onError);
  const giveUp = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  try {
    await once(client, 'ready', { signal: giveUp });
  } catch (cause) {
    throw new CopylineError('QUEUE_UNAVAILABLE', `Redis at ${at} cannot be reached: ${reason}`, {
      cause,
    });
  } finally {
    client.off('error', onError);
  }
}

/** A Redis that evicts keys when its memory is full loses jobs without a word. */
async function assertKeepsJobs(client: Redis, at: string): Promise<void> {
  // INFO rather than CONFIG GET: hosted servers forbid the latter.
  const info = await client.info('memory');
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  if (policy === 'noeviction') return;
  throw new CopylineError(
    'QUEUE_UNSAFE',
    `Redis at ${at} has the maxmemory-policy ${policy}: it may throw jobs away`,
  );
}

async function closeClient(client: Redis): Promise<void> {
  try {
    if (client.status === 'ready') await client.quit();
  } catch {
    // It was closing by itself.
  }
  client.disconnect();
}

function describeUrl(url: string): string {
  const { protocol, hostname, port, pathname } = new URL(url);
  return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname === '/' ? '' : pathname}`;
}
