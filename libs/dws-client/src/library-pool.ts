import pg from 'pg';

import { type ConnectOptions, resolveParameters } from './connect/connect.ts';
import { findSession } from './connect/find-session.ts';
import { pooledClientClass } from './connect/pooled-client.ts';

/** Where a library's pool connects. */
export interface LibraryPoolOptions extends Omit<ConnectOptions, 'signal' | 'retry'> {
  /** Most connections at a time. */
  readonly max: number;
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
  const pool = new pg.Pool({
    Client: pooledClientClass((signal) => findSession(parameters, { ...options, signal })),
    max: options.max,
  });
  // A connection that the server ends is dropped by the pool; whoever uses it hears of it there.
  pool.on('error', () => undefined);
  try {
    // Whoever cannot connect at all should hear of it here.
    (await pool.connect()).release();
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}
