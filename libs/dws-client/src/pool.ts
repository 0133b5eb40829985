import { CopylineError } from '@copyline/contracts';
import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';

import { type ConnectOptions, resolveParameters } from './connect/connect.ts';
import { connectFailure } from './connect/failures.ts';
import { findSession } from './connect/find-session.ts';
import { describeTarget } from './connect/hosts.ts';
import { type PooledClient, pooledClientClass } from './connect/pooled-client.ts';
import type { ConnectionParameters } from './conninfo/keywords.ts';
import { Connection } from './connection.ts';
import { assertCan } from './flavour/capabilities.ts';
import { abortReason, throwIfAborted } from './interruption.ts';
import { settlesWithin } from './in-time.ts';
import { PoolCounters, type PoolMetrics } from './pool-metrics.ts';
import type { QueryOptions, QueryResult, Row } from './queries.ts';
import { type RetryPolicy, withRetry } from './retry.ts';
import type { RetryUnit } from './retry-rules.ts';
import { fromServerError, sqlstateOf } from './server-errors.ts';
import { defaultReset, resetSession, type SessionReset } from './session-reset.ts';
import type { TransactionOptions } from './transaction.ts';
import { serverOf } from './wire/login-client.ts';

/** Where a pool connects, how many, and for how long they are kept. */
export interface PoolOptions extends Omit<ConnectOptions, 'signal'> {
  /** Most connections at a time. Default: 10. */
  readonly max?: number;
  /** Milliseconds to wait for a connection, free or new. Default: 10,000. */
  readonly acquireTimeoutMs?: number;
  /**
   * Milliseconds after which an idle connection is closed. Default: 60,000; it must stay below
   * what ends idle sessions on the way or in the server (GaussDB(DWS): `session_timeout`, 10 min).
   */
  readonly idleTimeoutMs?: number;
  /** Milliseconds after which a connection is not used again. Default: 1,800,000 (30 min). */
  readonly maxAgeMs?: number;
  /** How often a connection is given out before it is replaced. Default: no limit. */
  readonly maxUses?: number;
  /**
   * What is done between two users of a connection. Default: `discard-all`, and `reset-all` where the
   * server has no DISCARD ALL.
   */
  readonly reset?: SessionReset;
}

/** What may be different for one query on a pool. */
export interface PoolQueryOptions extends QueryOptions {
  /** How to repeat a statement that is idempotent. Default: not at all. */
  readonly retryIdempotent?: RetryPolicy;
}

/** What BEGIN is told, and whether the whole may be repeated. */
export interface PoolTransactionOptions extends TransactionOptions {
  /** How to repeat the whole transaction. Default: not at all. */
  readonly retry?: RetryPolicy;
}

const READ_ONLY = '25006';

/** Half an hour: servers that were added or moved get their share, caches do not grow for ever. */
const MAX_AGE_MS = 30 * 60_000;

/** Which pools the running task holds connections of; see `withConnection`. */
interface Holding {
  readonly pool: Pool;
  readonly caller: Holding | undefined;
}

const holding = new AsyncLocalStorage<Holding>();

/**
 * Connections to one database, kept for reuse. One that comes back in a transaction is rolled back,
 * the leftovers of its session are reset, and whatever is not proven idle and clean after that is
 * destroyed and replaced: none is ever handed out dirty.
 */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #parameters: ConnectionParameters;
  readonly #counters = new PoolCounters();
  readonly #inUse = new Set<Connection>();
  /** Tells those who wait that the pool is closed. */
  readonly #waiting = new Set<(reason: CopylineError) => void>();
  readonly #pool: pg.Pool;
  /** Ends the search for servers when the pool is closed. */
  readonly #searching = new AbortController();
  #closing: Promise<void> | undefined;

  /**
   * Opens no connection yet.
   *
   * @throws CopylineError `CONNINFO_INVALID`
   */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#parameters = resolveParameters(options.target);
    this.#pool = this.#open();
  }

  /** Gauges and counters, for monitoring. */
  get metrics(): PoolMetrics {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return {
      total: totalCount,
      idle: idleCount,
      inUse: this.#inUse.size,
      waiting: waitingCount,
      ...this.#counters.all,
    };
  }

  /**
   * Takes a connection; give it back with `close()` or `await using`.
   *
   * @param options.signal ends the wait. Default: `acquireTimeoutMs` does
   * @throws CopylineError `POOL_TIMEOUT`, `CONNECTION_UNUSABLE` once the pool is closed, `NOT_SUPPORTED`
   *   when it is to reset in a way that the server does not have, `INTERRUPTED` or the reason of the
   *   signal, or as `connect` does.
   */
  async connect(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Connection> {
    const { signal } = options;
    const { retry } = this.#options;
    const client =
      retry === undefined
        ? await this.#acquire(signal)
        : await withRetry(
            { ...retry, unit: 'connect', ...(signal === undefined ? {} : { signal }) },
            () => this.#acquire(signal),
          );
    this.#counters.add('acquired');
    const { session } = client;
    const server = serverOf(session.client);
    const { reset = defaultReset(server) } = this.#options;
    if (reset === 'discard-all' && !server.can.discardAll) {
      client.release();
      assertCan(server, 'discardAll', 'DISCARD ALL');
    }
    const connection: Connection = new Connection(session.client, {
      ...session,
      clean: (used) =>
        resetSession(used, reset, () => {
          this.#counters.add('rolledBack');
        }),
      release: (_, reusable) => {
        this.#inUse.delete(connection);
        if (!reusable) this.#counters.add('destroyed');
        client.release(!reusable);
        return Promise.resolve();
      },
    });
    this.#inUse.add(connection);
    return connection;
  }

  /**
   * Runs `work` with a connection and gives it back.
   *
   * @throws what `work` throws, and as `connect` does
   */
  async withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await this.connect();
    const held: Holding = { pool: this, caller: holding.getStore() };
    return await holding.run(held, work, connection);
  }

  /**
   * One query on any connection. Every call may meet another session: no SET, no BEGIN.
   *
   * With `retryIdempotent` you declare that to run it twice is the same as to run it once; it is then
   * repeated, on another connection, when its connection is lost or the server is busy with itself.
   *
   * @throws as `connect` and `Connection.query` do
   */
  query<R extends object = Row>(
    text: string,
    parameters: readonly unknown[] = [],
    { retryIdempotent, ...options }: PoolQueryOptions = {},
  ): Promise<QueryResult<R>> {
    const once = (connection: Connection): Promise<QueryResult<R>> =>
      connection.query<R>(text, parameters, options);
    return retryIdempotent === undefined
      ? this.withConnection(once)
      : this.#repeated({ ...retryIdempotent, unit: 'idempotent-statement' }, once);
  }

  /**
   * Runs `work` in a transaction on any connection; see `Connection.transaction`. With `retry` the
   * whole of it is repeated, on another connection, as long as nothing can have been committed: after
   * a deadlock, a serialization failure, a lost connection, but never after a lost COMMIT. `work` must
   * begin anew each time.
   *
   * @throws what `work` throws last, and as `connect` and `Connection.transaction` do
   */
  transaction<T>(
    work: (connection: Connection) => Promise<T>,
    { retry, ...options }: PoolTransactionOptions = {},
  ): Promise<T> {
    const once = (connection: Connection): Promise<T> =>
      connection.transaction(() => work(connection), options);
    return retry === undefined
      ? this.withConnection(once)
      : this.#repeated({ ...retry, unit: 'transaction' }, once);
  }

  /**
   * Refuses new callers and those who wait, waits for the connections in use to come back, and
   * closes all. Idempotent: later calls wait for the first.
   *
   * @param graceMs milliseconds after which connections in use are destroyed. Default: no limit.
   */
  close({ graceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(graceMs));
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #repeated<T>(
    policy: RetryPolicy & { readonly unit: RetryUnit },
    once: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    return withRetry(policy, () =>
      this.withConnection(async (connection) => {
        try {
          return await once(connection);
        } catch (error) {
          // After a fail-over this session stays on the server that is read-only now.
          if (sqlstateOf(error) === READ_ONLY) connection.destroy(fromServerError(error));
          throw error;
        }
      }),
    );
  }

  async #close(graceMs: number | undefined): Promise<void> {
    for (const refuse of this.#waiting) refuse(closed());
    this.#searching.abort();
    const ended = this.#pool.end();
    if (graceMs !== undefined && !(await settlesWithin(ended, graceMs))) {
      const reason = new CopylineError('CONNECTION_UNUSABLE', 'The pool was closed');
      for (const connection of this.#inUse) connection.destroy(reason);
      await Promise.all([...this.#inUse].map((connection) => connection.close()));
    }
    await ended;
  }

  async #acquire(signal: AbortSignal | undefined): Promise<PooledClient> {
    if (this.#closing !== undefined) throw closed();
    throwIfAborted(signal);
    try {
      const acquiring = this.#pool.connect() as unknown as Promise<PooledClient>;
      return await this.#untilRefused(acquiring, signal);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('timeout exceeded')) {
        this.#counters.add('timedOut');
        const waited = `${String(this.#acquireTimeoutMs)} ms`;
        throw new CopylineError(
          'POOL_TIMEOUT',
          `No connection to ${describeTarget(this.#parameters)} became free within ${waited}${this.#whoHoldsThem()}`,
          { cause: error, phase: 'pool' },
        );
      }
      // What is left is the pool's own word for a search that has taken too long.
      throw error instanceof CopylineError
        ? error
        : connectFailure(this.#parameters, [{ where: 'all hosts', error }]);
    }
  }

  /** Whoever waits for himself should be told so. */
  #whoHoldsThem(): string {
    let own = 0;
    for (let at = holding.getStore(); at !== undefined; at = at.caller) {
      if (at.pool === this) own += 1;
    }
    const all = `${String(this.#inUse.size)} of ${String(this.#max)} are in use`;
    return own === 0 ? `: ${all}` : `: ${all}, ${String(own)} by the very task that waits`;
  }

  /** A caller who gives up, or waits when the pool is closed, is let go; what comes for him goes back. */
  #untilRefused(
    acquiring: Promise<PooledClient>,
    signal: AbortSignal | undefined,
  ): Promise<PooledClient> {
    return new Promise((resolve, reject) => {
      let isRefused = false;
      const refuse = (reason: CopylineError): void => {
        isRefused = true;
        reject(reason);
      };
      const giveUp = (): void => {
        if (signal !== undefined) refuse(abortReason(signal));
      };
      this.#waiting.add(refuse);
      signal?.addEventListener('abort', giveUp, { once: true });
      acquiring
        .then((client) => {
          if (isRefused) client.release();
          else resolve(client);
        }, reject)
        .finally(() => {
          this.#waiting.delete(refuse);
          signal?.removeEventListener('abort', giveUp);
        });
    });
  }

  #open(): pg.Pool {
    const { idleTimeoutMs = 60_000, maxAgeMs = MAX_AGE_MS, maxUses } = this.#options;
    const pool = new pg.Pool({
      Client: pooledClientClass((signal) =>
        findSession(this.#parameters, {
          ...this.#options,
          signal: AbortSignal.any([signal, this.#searching.signal]),
        }),
      ),
      max: this.#max,
      idleTimeoutMillis: idleTimeoutMs,
      connectionTimeoutMillis: this.#acquireTimeoutMs,
      maxLifetimeSeconds: maxAgeMs / 1000,
      ...(maxUses === undefined ? {} : { maxUses }),
    });
    // An idle connection that the server ends is simply dropped by the pool.
    pool.on('error', () => undefined);
    pool.on('connect', () => {
      this.#counters.add('connected');
    });
    return pool;
  }

  get #max(): number {
    return this.#options.max ?? 10;
  }

  get #acquireTimeoutMs(): number {
    return this.#options.acquireTimeoutMs ?? 10_000;
  }
}

function closed(): CopylineError {
  return new CopylineError('CONNECTION_UNUSABLE', 'The pool is closed');
}
