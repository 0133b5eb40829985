import type pg from 'pg';

import { type CopyInOptions, type CopySource, runCopyIn } from './copy-in.ts';
import { assertCopyToStdout, CopyOut, type CopyOutOptions } from './copy-out.ts';
import { settlesWithin } from './in-time.ts';
import { assertCan, type Server } from './flavour/capabilities.ts';
import type { Notice, NoticeListener } from './notices.ts';
import {
  queryConfig,
  type QueryOptions,
  queryResult,
  type QueryResult,
  type Row,
} from './queries.ts';
import { type StreamOptions, streamRows } from './row-stream.ts';
import {
  CANCEL_TIMEOUT_MS,
  type ConnectionOrigin,
  type ConnectionStatus,
  Session,
  type TransactionStatus,
} from './session.ts';
import {
  type TransactionOptions,
  type TransactionResult,
  Transactions,
  type TransactionWork,
} from './transaction.ts';
import { provesNoEffect } from './server-errors.ts';
import type { CancelOutcome } from './wire/cancel-request.ts';
import { knownBackendPid } from './wire/login-client.ts';
import { socketOf } from './wire/pg-internals.ts';
import type { CopylineError } from '@copyline/contracts';

/** How long a connection that is closed in order may take. */
const END_TIMEOUT_MS = 2_000;

/** How a statement is cancelled; see `Connection.cancel`. */
export interface CancelOptions {
  /** Milliseconds for a CancelRequest. Default: 3,000. */
  readonly timeoutMs?: number;
  /** A connection to the same server that runs `pg_cancel_backend` in place of a CancelRequest. */
  readonly via?: Connection;
}

/**
 * One session with a server. Autocommit is the default and no BEGIN is ever sent that was not asked
 * for. A connection whose state cannot be proven destroys itself; it then answers every call with
 * `CONNECTION_UNUSABLE`.
 */
export class Connection implements AsyncDisposable {
  readonly #session: Session;
  readonly #transactions: Transactions;
  #backendPid: bigint | undefined;

  /** @internal Use `connect` or a `Pool`. */
  constructor(client: pg.Client, origin: ConnectionOrigin) {
    this.#session = new Session(client, origin);
    this.#transactions = new Transactions(this.#session);
    this.#backendPid = knownBackendPid(client);
  }

  /** What kind of server it is connected to, which version, and what that can do. */
  get server(): Server {
    return this.#session.server;
  }

  /** What the connection is doing. Never throws and never asks the server. */
  get status(): ConnectionStatus {
    return this.#session.status;
  }

  /** Where the session stands in a transaction; `active` while anything runs, COPY included. */
  get transactionStatus(): TransactionStatus {
    return this.#session.transactionStatus;
  }

  /** Whether the connection can be used at all. */
  get isUsable(): boolean {
    return this.#session.isUsable;
  }

  /** Whether the server has said that it is idle, outside a transaction, and nothing was sent since. */
  get isProvenIdle(): boolean {
    return this.#session.transactionStatus === 'idle';
  }

  /** The last 50 notices of the server, oldest first. */
  get notices(): readonly Notice[] {
    return this.#session.notices.kept;
  }

  /** Calls the listener for every notice from now on. Returns a function that ends it. */
  onNotice(listener: NoticeListener): () => void {
    return this.#session.notices.listen(listener);
  }

  /**
   * Runs SQL. With parameters it is one statement; without, several are allowed and the last one's
   * result is returned. Statements run one after the other, in the order of the calls.
   *
   * @throws CopylineError with the server's SQLSTATE, or `CONNECTION_LOST`: outside a transaction
   *   the statement may or may not have taken effect then.
   */
  async query<R extends object = Row>(
    text: string,
    parameters: readonly unknown[] = [],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    const results = await this.#session.query(queryConfig(text, parameters, options));
    return queryResult<R>(results.at(-1));
  }

  /**
   * Runs SQL of several statements and gives the result of each. The server runs them as one
   * transaction unless they say otherwise: when one fails, none has taken effect.
   *
   * @throws as `query` does
   */
  async queryAll(text: string, options: QueryOptions = {}): Promise<QueryResult<Row>[]> {
    const results = await this.#session.query(queryConfig(text, [], options));
    return results.map((each) => queryResult<Row>(each));
  }

  /**
   * Runs one statement and gives its rows as they come, for results of any size: the consumer's pace
   * is the server's. No cursor and no transaction is needed; nothing is sent before the first row is
   * asked for. Leaving early does as `copyOut` does.
   *
   * @throws from the iteration, as `query` does; or the reason of the signal
   */
  stream<R extends object = Row>(
    text: string,
    parameters: readonly unknown[] = [],
    options: StreamOptions = {},
  ): AsyncGenerator<R, void, undefined> {
    this.#session.assertFree();
    return streamRows<R>(this.#session, text, parameters, options);
  }

  /**
   * Runs `work` between BEGIN and COMMIT. Whatever `work` throws rolls back and is thrown on.
   *
   * A call inside of `work` is a savepoint in the same transaction: what it throws undoes it alone,
   * and is thrown on to whoever awaits it. It takes no options. Inside a BEGIN of your own the
   * first call is a savepoint, too. A call beside a running one, or a block that ends before one
   * inside of it, is refused.
   *
   * A `Rollback` of a block undoes that block and is not thrown on; the result is `undefined` then,
   * as the type says of work that takes its block.
   *
   * @throws CopylineError `COMMIT_ROLLED_BACK` when COMMIT was answered with ROLLBACK,
   *   `COMMIT_UNKNOWN` when its answer was lost, `TRANSACTION_MISUSED`; every error carries its
   *   `commitState`.
   */
  transaction<Work extends TransactionWork>(
    work: Work,
    options: TransactionOptions = {},
  ): Promise<TransactionResult<Work>> {
    return this.#transactions.run(work, options) as Promise<TransactionResult<Work>>;
  }

  /**
   * Runs COPY … FROM STDIN: the source writes the bytes, or gives them; CopyDone follows when it is
   * done. When it throws, or the signal aborts, CopyFail is sent, and the connection is proven ready
   * or destroyed before the error is thrown on. A source that is stuck is not waited for.
   *
   * Outside a transaction CopyDone is the commit: from then on an abort comes too late when the
   * server stores the rows all the same.
   *
   * @returns the server's row count.
   * @throws CopylineError `NOT_SUPPORTED` in a nested transaction where the server cannot do that; the server's refusal, the reason of the signal or of the source, whichever
   *   came first; `COPY_STALLED`; `COMMIT_UNKNOWN` when, outside a transaction, the answer to
   *   CopyDone was lost.
   */
  copyIn(statement: string, source: CopySource, options: CopyInOptions = {}): Promise<number> {
    this.#assertCopyIsPossible();
    return runCopyIn(this.#session, statement, source, options);
  }

  /**
   * Runs COPY … TO STDOUT; the data is what the result gives when it is iterated over. Nothing is
   * sent before that. The consumer's pace is the server's: what waits in memory is bounded.
   *
   * Leaving early in any way (`break`, an error, the signal) cancels the COPY, drops what is still
   * on its way, and returns when the server is proven ready; only a connection that gives no proof
   * in time is destroyed. Inside a transaction a savepoint keeps the transaction alive, where the server
   * has COPY under savepoints.
   *
   * @throws CopylineError `NOT_SUPPORTED` in a nested transaction where the server cannot do that; from
   *   the iteration: the server's error, the reason of the signal,
   *   `COPY_STALLED`, `CONNECTION_LOST`.
   */
  copyOut(statement: string, options: CopyOutOptions = {}): CopyOut {
    this.#session.assertFree();
    assertCopyToStdout(statement);
    this.#assertCopyIsPossible();
    return new CopyOut(this.#session, statement, options);
  }

  /**
   * The process that serves the session, as `pg_backend_pid()` says: 64 bits wide on GaussDB(DWS).
   * Asked once and remembered.
   *
   * @throws as `query` does
   */
  async backendPid(): Promise<bigint> {
    if (this.#backendPid === undefined) {
      const { rows } = await this.query<{ pid: bigint }>('SELECT pg_backend_pid()::int8 AS pid');
      this.#backendPid = rows[0]?.pid;
    }
    return this.#backendPid ?? 0n;
  }

  /**
   * Asks the server to cancel the statement that runs; its promise then rejects with
   * `STATEMENT_CANCELLED`, unless it was done before. Later statements wait until the request cannot
   * reach them any more. A COPY FROM STDIN notices only with its next bytes: abort its signal.
   *
   * A CancelRequest goes to the address of the connection. Where that may be another server, as
   * behind a load balancer in front of several coordinators, give `via`, and ask for `backendPid`
   * while the connection is still idle.
   *
   * @returns whether the server has acted on the request. One that may still be on its way destroys
   *   the connection before its next statement.
   */
  async cancel({ timeoutMs = CANCEL_TIMEOUT_MS, via }: CancelOptions = {}): Promise<boolean> {
    const bySql = via === undefined ? undefined : () => this.#cancelBySql(via);
    return (await this.#session.cancel(timeoutMs, bySql)) === 'acted';
  }

  /** Ends the session, or gives it back to its pool. Idempotent; never throws. */
  close(): Promise<void> {
    return this.#session.close();
  }

  /**
   * Closes the socket at once; the server rolls back what was open. Every later call is answered with
   * `CONNECTION_UNUSABLE`, and the reason as its cause.
   */
  destroy(reason: CopylineError): void {
    this.#session.destroy(reason);
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertCopyIsPossible(): void {
    if (!this.#transactions.hasSavepoint) return;
    assertCan(this.#session.server, 'copyUnderSavepoint', 'COPY in a nested transaction');
  }

  async #cancelBySql(via: Connection): Promise<CancelOutcome> {
    const pid = this.#backendPid ?? this.#session.processId;
    try {
      const { rows } = await via.query<{ done: boolean }>('SELECT pg_cancel_backend($1) AS done', [
        pid,
      ]);
      return rows[0]?.done === true ? 'acted' : 'never-sent';
    } catch (error) {
      return provesNoEffect(error) ? 'never-sent' : 'maybe-sent';
    }
  }
}

/** Ends a client that no pool owns; waits for the socket, but not for a silent server. */
export async function endClient(client: pg.Client, orderly: boolean): Promise<void> {
  const socket = socketOf(client);
  if (socket.destroyed) return;
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  if (orderly) void client.end().catch(() => undefined);
  else socket.destroy();
  if (!(await settlesWithin(closed, END_TIMEOUT_MS))) socket.destroy();
}
