import {
  connect,
  describeTarget,
  openLibraryPool,
  parseConninfo,
  type ConnectionParameters,
  type LibraryPool,
} from '@copyline/dws-client';
import { createPostgresBackend, Queue, runMigrations, Worker, type PgPool } from 'bullmq';

import type { QueueBackend } from './backend.ts';

export interface PostgresSetting {
  readonly kind: 'postgres';
  readonly target: string | ConnectionParameters;
}

/** The schema that BullMQ gives to a pool it did not make itself. */
const SCHEMA = 'bullmq';
/**
 * One for each LISTEN of a worker or a queue, and a few for the statements, which are short. Every
 * object with a pool of its own would take four times as many.
 */
const POOL_SIZE = 8;

export async function openPostgresBackend(setting: PostgresSetting): Promise<QueueBackend> {
  const target =
    typeof setting.target === 'string' ? parseConninfo(setting.target) : setting.target;
  await migrate(target);
  const pool = await openLibraryPool({
    target,
    applicationName: 'copyline queue',
    max: POOL_SIZE,
    searchPath: [SCHEMA],
  });
  const connection = asPgPool(pool);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= pool.end());
  return {
    kind: 'postgres',
    at: describeTarget(target),
    // BullMQ's types name the store; whoever uses a queue or a worker does not care.
    createQueue: (name, options) =>
      new Queue(name, { ...options, connection }, createPostgresBackend) as unknown as Queue,
    createWorker: (name, processor, options) =>
      new Worker(
        name,
        processor,
        { ...options, connection },
        createPostgresBackend,
      ) as unknown as Worker,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** BullMQ makes its tables itself, in one transaction; it wants a session of its own for that. */
async function migrate(target: ConnectionParameters): Promise<void> {
  await using connection = await connect({ target, applicationName: 'copyline migration' });
  await runMigrations(
    {
      query: async (text, parameters = []) => {
        const { rows, rowCount } = await connection.query(text, parameters);
        return { rows: rows as never[], rowCount };
      },
    },
    SCHEMA,
  );
}

/** The pool is a node-postgres pool; only the driver may say so. */
function asPgPool(pool: LibraryPool): PgPool {
  return pool as unknown as PgPool;
}
