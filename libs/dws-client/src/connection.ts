import { CopylineError } from '@copyline/contracts';
import { once } from 'node:events';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';

import { CopyIn, type CopySink } from './copy-in.ts';
import { abortReason, throwIfAborted } from './interruption.ts';
import { fromServerError } from './server-errors.ts';
import { runTransaction, type TransactionOptions } from './transaction.ts';
import { valueTypes } from './value-types.ts';
import { sendCancelRequest } from './wire/cancel-request.ts';
import { cancelKeyOf, socketOf } from './wire/pg-internals.ts';

/**
 * How long a server may take to become ready after a COPY was ended early. A backend that is
 * parsing needs milliseconds; one that waits for a lock needs the CancelRequest that follows.
 */
const READY_TIMEOUT_MS = 2_000;
/** How long after a CancelRequest. Then the connection is destroyed: nothing is proven. */
const CANCEL_TIMEOUT_MS = 3_000;

export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or affected, as the command tag says; 0 for commands without a count. */
  readonly rowCount: number;
  /** The first word of the command tag: `SELECT`, `COMMIT`, … */
  readonly command: string;
  readonly columns: readonly string[];
}

export type TransactionStatus = 'idle' | 'in-transaction' | 'in-error' | 'unknown';

/** How the connection came about; what is needed to cancel and to let go of it. */
export interface ConnectionOrigin {
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
  /** Takes the client back. `reusable` is false when the connection must not be used again. */
  readonly release: (client: pg.Client, reusable: boolean) => Promise<void>;
}

/**
 * One session with a server. Autocommit is the default and no BEGIN is ever sent that was not asked
 * for. A connection whose state cannot be proven destroys itself; it then answers every call with
 * `CONNECTION_UNUSABLE`.
 */
export class Connection implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #origin: ConnectionOrigin;
  #closed = false;
  #lost: CopylineError | undefined;
  #copying = false;

  /** @internal Use `connect` or a `Pool`. */
  constructor(client: pg.Client, origin: ConnectionOrigin) {
    this.#client = client;
    this.#origin = origin;
    // Without a listener a killed backend would end the process.
    client.on('error', this.#onError);
  }

  /** What the server last said; `unknown` while a COPY runs and once the connection is lost. */
  get transactionStatus(): TransactionStatus {
    if (this.#closed || this.#lost !== undefined || this.#copying) return 'unknown';
    const status = this.#client.getTransactionStatus();
    return status === 'I'
      ? 'idle'
      : status === 'T'
        ? 'in-transaction'
        : status === 'E'
          ? 'in-error'
          : 'unknown';
  }

  /** Whether the connection can be used at all. */
  get isUsable(): boolean {
    return !this.#closed && this.#lost === undefined;
  }

  /**
   * Runs SQL. With parameters it is one statement; without, several are allowed and the last one's
   * result is returned.
   *
   * @throws CopylineError with the server's SQLSTATE, or `CONNECTION_LOST`.
   */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    const results = await this.#run(text, parameters);
    const last = results.at(-1);
    return {
      rows: (last?.rows ?? []) as Row[],
      rowCount: last?.rowCount ?? 0,
      command: last?.command ?? '',
      columns: last?.fields.map((field) => field.name) ?? [],
    };
  }

  /**
   * Runs `work` between BEGIN and COMMIT. Whatever `work` throws rolls back and is thrown on.
   *
   * @throws CopylineError `COMMIT_ROLLED_BACK` when COMMIT was answered with ROLLBACK,
   *   `COMMIT_UNKNOWN` when its answer was lost; every error carries its `commitState`.
   */
  transaction<T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(this, work, options);
  }

  /**
   * Runs COPY … FROM STDIN: `feed` writes the bytes, CopyDone follows when it returns. When it
   * throws, or the signal aborts, CopyFail is sent, and the connection is proven ready or
   * destroyed before the error is thrown on.
   *
   * @returns the server's row count.
   */
  async copyIn(
    statement: string,
    feed: (sink: CopySink) => Promise<void>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    this.#assertUsable();
    const { signal } = options;
    throwIfAborted(signal);
    this.#copying = true;
    const copy = new CopyIn(this.#client, statement);
    const onAbort = (): void => {
      if (signal !== undefined) copy.abort(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await feed(copy);
      return await copy.finish();
    } catch (error) {
      copy.abort(error instanceof Error ? error : new Error(String(error)));
      await this.#proveReady();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#copying = false;
    }
  }

  /** Ends the session, or gives it back to its pool. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const reusable = this.transactionStatus === 'idle';
    this.#closed = true;
    if (this.#lost !== undefined) socketOf(this.#client).destroy();
    await this.#origin.release(this.#client, reusable);
    if (!reusable) this.#client.on('error', () => undefined);
    this.#client.off('error', this.#onError);
  }

  /** Closes the socket at once; the server rolls back what was open. */
  destroy(reason: CopylineError): void {
    this.#lost ??= reason;
    socketOf(this.#client).destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= fromServerError(error);
  };

  async #run(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult<object>[]> {
    this.#assertUsable();
    try {
      const result = (await this.#client.query<object>({
        text,
        types: valueTypes,
        ...(parameters.length === 0 ? {} : { values: [...parameters] }),
      })) as pg.QueryResult<object> | pg.QueryResult<object>[];
      return Array.isArray(result) ? result : [result];
    } catch (error) {
      throw fromServerError(error);
    }
  }

  #assertUsable(): void {
    if (this.#lost !== undefined || this.#closed) {
      throw new CopylineError(
        'CONNECTION_UNUSABLE',
        this.#closed ? 'The connection is closed' : 'The connection was lost before',
        { cause: this.#lost },
      );
    }
    if (this.#copying) {
      throw new CopylineError('INTERNAL', 'A COPY is running on this connection');
    }
  }

  /**
   * After a COPY that ended early: the answer to an empty query proves that the server is ready.
   * A server that does not answer is asked to cancel; a connection that stays silent is destroyed.
   */
  async #proveReady(): Promise<void> {
    const ready = this.#client.query('').then(
      () => true,
      // An error answer (25P02 cannot happen for an empty query) means the socket is gone.
      () => false,
    );
    if (await within(ready, READY_TIMEOUT_MS)) return;
    await this.#cancel();
    if (await within(ready, CANCEL_TIMEOUT_MS)) return;
    this.destroy(
      new CopylineError('CONNECTION_UNUSABLE', 'The server did not become ready after a COPY'),
    );
  }

  async #cancel(): Promise<void> {
    const key = cancelKeyOf(this.#client);
    if (key === undefined || socketOf(this.#client).destroyed) return;
    const { host, port, tls } = this.#origin;
    try {
      await sendCancelRequest(
        { host, port, ...key, ...(tls === undefined ? {} : { tls }) },
        CANCEL_TIMEOUT_MS,
      );
    } catch {
      // Best effort: the caller destroys the connection when this did not help.
    }
  }
}

/** Whether the promise resolves to true in time. */
async function within(promise: Promise<boolean>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a client that no pool owns; waits for the socket, but not for a silent server. */
export async function endClient(client: pg.Client, orderly: boolean): Promise<void> {
  const socket = socketOf(client);
  if (socket.destroyed) return;
  const closed = once(socket, 'close');
  if (orderly) void client.end().catch(() => undefined);
  else socket.destroy();
  if (
    !(await within(
      closed.then(() => true),
      READY_TIMEOUT_MS,
    ))
  )
    socket.destroy();
}
