import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type pg from 'pg';

/**
 * The members of node-postgres that are not in its public interface and are used here all the same.
 * They are read in this file only; `test/pg-internals.test.ts` fails when a release changes them.
 */
interface PgInternals {
  readonly connection: EventEmitter & { readonly stream: Socket };
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly readyForQuery?: boolean;
}

function internals(client: pg.Client): PgInternals {
  return client as unknown as PgInternals;
}

/** The socket of a client: needed to close it without waiting for the server. */
export function socketOf(client: pg.Client): Socket {
  return internals(client).connection.stream;
}

/** The pair that a CancelRequest carries; `undefined` before the server sent BackendKeyData. */
export function cancelKeyOf(
  client: pg.Client,
): { readonly processId: number; readonly secretKey: number } | undefined {
  const { processID, secretKey } = internals(client);
  return processID === null || secretKey === null ? undefined : { processId: processID, secretKey };
}

/**
 * Resolves when the server is ready for the next statement, or has gone. node-postgres reports an
 * error before that, while `getTransactionStatus()` still tells the state before the statement.
 */
export async function whenReady(client: pg.Client): Promise<void> {
  const { connection, readyForQuery } = internals(client);
  if (readyForQuery === true || connection.stream.closed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      connection.off('readyForQuery', done).off('end', done);
      resolve();
    };
    connection.on('readyForQuery', done).on('end', done);
  });
}
