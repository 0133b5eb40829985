import pg from 'pg';

import { describeTarget } from './conninfo.ts';
import {
  clientConfig,
  isMissingTls,
  resolveParameters,
  tlsAttempts,
  type ConnectOptions,
} from './connect.ts';
import { fromConnectError } from './server-errors.ts';

/** Where a library's pool connects. */
export interface LibraryPoolOptions extends Omit<ConnectOptions, 'signal'> {
  /** Most connections at a time. */
  readonly max: number;
  /** The schema that unqualified names mean on every connection. */
  readonly searchPath: string;
}

/** A pool as such libraries know it; what else it can do is between it and the library. */
export interface LibraryPool {
  /** Closes all connections; resolves when those in use have come back. */
  end(): Promise<void>;
}

/**
 * A bare node-postgres pool, for a library that speaks node-postgres by itself (BullMQ). It connects
 * as all of Copyline does; what the library then does with a connection is its own affair, so none of
 * the guarantees of `Pool` hold, and nothing of Copyline's own goes through it.
 *
 * @throws CopylineError as `connect` does
 */
export async function openLibraryPool(options: LibraryPoolOptions): Promise<LibraryPool> {
  const parameters = resolveParameters(options.target);
  let lastError: unknown;
  for (const tls of tlsAttempts(parameters)) {
    const config = clientConfig(parameters, options, tls);
    const searchPath = `-c search_path=${options.searchPath}`;
    const pool = new pg.Pool({
      ...config,
      options: [config.options?.trim(), searchPath].filter(Boolean).join(' '),
      max: options.max,
    });
    // A connection that the server ends is dropped by the pool; whoever uses it hears of it there.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    try {
      // Which transport the server speaks is found out here, once for all connections.
      (await pool.connect()).release();
      return pool;
    } catch (error) {
      lastError = error;
      await pool.end();
      if (!isMissingTls(error)) break;
    }
  }
  throw fromConnectError(lastError, describeTarget(parameters));
}
