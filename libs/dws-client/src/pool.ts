import { CopylineError } from '@copyline/contracts';
import pg from 'pg';

import { describeTarget, type ConnectionParameters } from './conninfo.ts';
import {
  clientConfig,
  isMissingTls,
  resolveParameters,
  tlsAttempts,
  type ConnectOptions,
} from './connect.ts';
import { Connection } from './connection.ts';
import type { QueryResult } from './queries.ts';
import { fromConnectError } from './server-errors.ts';

type Transport = ReturnType<typeof tlsAttempts>[number];

export interface PoolOptions extends Omit<ConnectOptions, 'signal'> {
  /** Most connections at a time. Default: 10. */
  readonly max?: number;
  /** Milliseconds to wait for a connection, free or new. Default: 10,000. */
  readonly acquireTimeoutMs?: number;
  /** Milliseconds after which an idle connection is closed. Default: 60,000. */
  readonly idleTimeoutMs?: number;
}

/**
 * Connections to one database, kept for reuse. One that comes back while not proven idle (in a
 * transaction, in a COPY, lost) is destroyed and replaced, so none is ever handed out dirty.
 */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #parameters: ConnectionParameters;
  /** Transports not tried yet, the current one first; see `tlsAttempts`. */
  readonly #transports: Transport[];
  #pool: pg.Pool;
  #closing: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#parameters = resolveParameters(options.target);
    this.#transports = tlsAttempts(this.#parameters);
    this.#pool = this.#open();
  }

  /** Connections in use and idle. */
  get counts(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { total: totalCount, idle: idleCount, waiting: waitingCount };
  }

  /**
   * Takes a connection; give it back with `close()` or `await using`.
   *
   * @throws CopylineError `POOL_TIMEOUT`, `CONNECTION_UNUSABLE` once the pool is closed, or as
   *   `connect` does.
   */
  async connect(): Promise<Connection> {
    const client = await this.#acquire();
    return new Connection(client, {
      host: this.#parameters.host,
      port: this.#parameters.port,
      tls: this.#transports[0],
      release: (released, reusable) => {
        (released as pg.PoolClient).release(!reusable);
        return Promise.resolve();
      },
    });
  }

  /** Runs `work` with a connection and gives it back. */
  async withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await this.connect();
    return await work(connection);
  }

  /** One query on any connection. */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    return this.withConnection((connection) => connection.query<Row>(text, parameters));
  }

  /** Waits for the connections in use to come back, then closes all. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#pool.end());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acquire(): Promise<pg.PoolClient> {
    if (this.#closing !== undefined) {
      throw new CopylineError('CONNECTION_UNUSABLE', 'The pool is closed');
    }
    const target = describeTarget(this.#parameters);
    const pool = this.#pool;
    try {
      return await pool.connect();
    } catch (error) {
      if (isMissingTls(error) && this.#fallBackFrom(pool)) return await this.#acquire();
      if (error instanceof Error && error.message.startsWith('timeout exceeded')) {
        const waited = `${String(this.#acquireTimeoutMs)} ms`;
        throw new CopylineError(
          'POOL_TIMEOUT',
          `No connection to ${target} became free within ${waited}`,
          { cause: error },
        );
      }
      throw fromConnectError(error, target);
    }
  }

  /**
   * Several may find out at once that TLS is missing; the first one moves all to the next transport.
   * The pool that failed has no connection, so nothing is left to close; those who wait in it meet
   * the same error in turn and follow. (Ended, it would let them wait in vain.)
   *
   * @returns whether there is another pool to try
   */
  #fallBackFrom(failed: pg.Pool): boolean {
    if (failed !== this.#pool) return true;
    if (this.#transports.length === 1) return false;
    this.#transports.shift();
    this.#pool = this.#open();
    return true;
  }

  #open(): pg.Pool {
    const config = clientConfig(this.#parameters, this.#options, this.#transports[0]);
    // pg-pool would give its own timeout, that of waiting, to every new connection.
    class PooledClient extends pg.Client {
      constructor() {
        super(config);
      }
    }
    const pool = new pg.Pool({
      ...config,
      Client: PooledClient,
      max: this.#options.max ?? 10,
      idleTimeoutMillis: this.#options.idleTimeoutMs ?? 60_000,
      connectionTimeoutMillis: this.#acquireTimeoutMs,
    });
    // An idle connection that the server ends is simply dropped by the pool.
    pool.on('error', () => undefined);
    // Between the pool's own listener and that of a `Connection` there is a moment without one.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return pool;
  }

  get #acquireTimeoutMs(): number {
    return this.#options.acquireTimeoutMs ?? 10_000;
  }
}
