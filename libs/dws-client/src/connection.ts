import { CopylineError } from '@copyline/contracts';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';

import { assertCopyFromStdin, CopyIn, type CopySink } from './copy-in.ts';
import { isTrueWithin, settlesWithin } from './in-time.ts';
import { abortReason, throwIfAborted } from './interruption.ts';
import { fromServerError, sqlstateOf } from './server-errors.ts';
import { runTransaction, type TransactionOptions } from './transaction.ts';
import { valueTypes } from './value-types.ts';
import { sendCancelRequest } from './wire/cancel-request.ts';
import { cancelKeyOf, socketOf, whenReady } from './wire/pg-internals.ts';

/**
 * How long a server may take to become ready after a COPY was ended early. A backend that is
 * parsing needs milliseconds; one that waits for a lock needs the CancelRequest that follows.
 */
const READY_TIMEOUT_MS = 2_000;
/** How long after a CancelRequest. Then the connection is destroyed: nothing is proven. */
const CANCEL_TIMEOUT_MS = 3_000;
/** How long from an error to the server's readiness: it undoes the transaction in between. */
const UNDO_TIMEOUT_MS = 10_000;
/** How long the source of a COPY that has failed may take to clean up after itself. */
const FEED_TIMEOUT_MS = 1_000;

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
  /** Statements that run or wait for their turn; until they are answered nothing is known. */
  #pending = 0;
  #lastTurn: Promise<unknown> = Promise.resolve();

  /** @internal Use `connect` or a `Pool`. */
  constructor(client: pg.Client, origin: ConnectionOrigin) {
    this.#client = client;
    this.#origin = origin;
    // Without a listener a killed backend would end the process.
    client.on('error', this.#onError);
    socketOf(client).on('end', this.#onEnd);
  }

  /** What the server last said; `unknown` while anything runs and once the connection is lost. */
  get transactionStatus(): TransactionStatus {
    if (!this.isUsable || this.#copying || this.#pending > 0) return 'unknown';
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
   * result is returned. Statements run one after the other, in the order of the calls.
   *
   * @throws CopylineError with the server's SQLSTATE, or `CONNECTION_LOST`: outside a transaction
   *   the statement may or may not have taken effect then.
   */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    this.#assertUsable();
    const results = await this.#inTurn(() => this.#run(text, parameters));
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
   * Transactions do not nest.
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
   * destroyed before the error is thrown on. A feed that is stuck is not waited for.
   *
   * Outside a transaction CopyDone is the commit: from then on an abort comes too late when the
   * server stores the rows all the same.
   *
   * @returns the server's row count.
   * @throws CopylineError the server's refusal, the reason of the signal or of `feed`, whichever
   *   came first; `COMMIT_UNKNOWN` when, outside a transaction, the answer to CopyDone was lost.
   */
  async copyIn(
    statement: string,
    feed: (sink: CopySink) => Promise<void>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    this.#assertUsable();
    assertCopyFromStdin(statement);
    throwIfAborted(options.signal);
    this.#copying = true;
    try {
      await this.#lastTurn;
      this.#assertOpen();
      throwIfAborted(options.signal);
      return await this.#copy(statement, feed, options.signal);
    } finally {
      this.#copying = false;
    }
  }

  /** Ends the session, or gives it back to its pool. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const reusable = this.transactionStatus === 'idle';
    this.#closed = true;
    socketOf(this.#client).off('end', this.#onEnd);
    if (!reusable) {
      this.#client.on('error', () => undefined);
      socketOf(this.#client).destroy();
    }
    await this.#origin.release(this.#client, reusable);
    this.#client.off('error', this.#onError);
  }

  /** Closes the socket at once; the server rolls back what was open. */
  destroy(reason: CopylineError): void {
    if (this.#closed) return; // it may be somebody else's by now
    this.#lost ??= reason;
    socketOf(this.#client).destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= fromServerError(error);
  };

  /** The server has said its last word; bytes that still wait for it must not keep the socket. */
  readonly #onEnd = (): void => {
    socketOf(this.#client).destroy();
  };

  /** One statement after the other: node-postgres will not queue them for much longer. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const result = this.#lastTurn.then(work).finally(() => {
      this.#pending -= 1;
    });
    this.#lastTurn = result.catch(() => undefined);
    return result;
  }

  async #run(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult<object>[]> {
    this.#assertOpen();
    try {
      const result = (await this.#client.query<object>({
        text,
        types: valueTypes,
        ...(parameters.length === 0 ? {} : { values: [...parameters] }),
      })) as pg.QueryResult<object> | pg.QueryResult<object>[];
      return Array.isArray(result) ? result : [result];
    } catch (error) {
      if (!(await settlesWithin(whenReady(this.#client), UNDO_TIMEOUT_MS))) {
        this.destroy(new CopylineError('CONNECTION_UNUSABLE', 'No ReadyForQuery after an error'));
      }
      throw fromServerError(error);
    }
  }

  async #copy(
    statement: string,
    feed: (sink: CopySink) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const isAutocommit = this.#client.getTransactionStatus() === 'I';
    const copy = new CopyIn(this.#client, statement);
    const onAbort = (): void => {
      if (signal !== undefined) copy.abort(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const feeding = (async () => feed(copy))();
    try {
      // Whichever fails first is the reason; what the other one says then is its echo.
      await Promise.race([feeding, copy.failed]);
      return await copy.finish();
    } catch (error) {
      copy.abort(error);
      await Promise.all([this.#proveReady(), settlesWithin(feeding, FEED_TIMEOUT_MS)]);
      if (isAutocommit && copy.stored === 'yes') return copy.rowCount;
      if (isAutocommit && copy.stored === 'maybe') throw storedPerhaps(error);
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #assertUsable(): void {
    this.#assertOpen();
    if (this.#copying) {
      throw new CopylineError('INTERNAL', 'A COPY is running on this connection');
    }
  }

  #assertOpen(): void {
    if (this.isUsable) return;
    throw new CopylineError(
      'CONNECTION_UNUSABLE',
      this.#closed ? 'The connection is closed' : 'The connection was lost before',
      { cause: this.#lost },
    );
  }

  /**
   * After a COPY that ended early: the answer to an empty query proves that the server is ready.
   * A server that does not answer is asked to cancel; a connection that stays silent is destroyed,
   * and so is one with a CancelRequest still on its way: it would hit a later statement.
   */
  async #proveReady(): Promise<void> {
    const ready = this.#answers();
    if (await isTrueWithin(ready, READY_TIMEOUT_MS)) return;
    if (await this.#cancel()) {
      const readyAgain = ready.then(() => this.#answers());
      if (await isTrueWithin(readyAgain, CANCEL_TIMEOUT_MS)) return;
    }
    this.destroy(
      new CopylineError('CONNECTION_UNUSABLE', 'The server did not become ready after a COPY'),
    );
  }

  /** Whether the server answers at all; a cancel that hits the empty query is an answer, too. */
  #answers(): Promise<boolean> {
    return this.#client.query('').then(
      () => true,
      (error: unknown) => sqlstateOf(error) === '57014',
    );
  }

  /** Whether the server has acted on a CancelRequest. */
  async #cancel(): Promise<boolean> {
    const key = cancelKeyOf(this.#client);
    if (key === undefined || socketOf(this.#client).destroyed) return false;
    const { host, port, tls } = this.#origin;
    const target = { host, port, ...key, ...(tls === undefined ? {} : { tls }) };
    return sendCancelRequest(target, CANCEL_TIMEOUT_MS).then(
      () => true,
      () => false,
    );
  }
}

function storedPerhaps(cause: unknown): CopylineError {
  const message = 'The answer to a COPY was lost; its rows may or may not be stored';
  return new CopylineError('COMMIT_UNKNOWN', message, { cause, commitState: 'unknown' });
}

/** Ends a client that no pool owns; waits for the socket, but not for a silent server. */
export async function endClient(client: pg.Client, orderly: boolean): Promise<void> {
  const socket = socketOf(client);
  if (socket.destroyed) return;
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  if (orderly) void client.end().catch(() => undefined);
  else socket.destroy();
  if (!(await settlesWithin(closed, READY_TIMEOUT_MS))) socket.destroy();
}
