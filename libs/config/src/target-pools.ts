import { Pool, type Connection } from '@copyline/dws-client';

import type { Settings } from './settings.ts';
import { connectionNamed, type OnStatus, type Target } from './target.ts';

export interface TargetPoolsOptions {
  /** Most connections for each target. */
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly onStatus?: OnStatus;
}

interface Entry {
  readonly target: Target;
  pool: Promise<Pool> | undefined;
}

/** A pool for each configured connection, opened when it is first used. */
export class TargetPools implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #options: TargetPoolsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(settings: Settings, options: TargetPoolsOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** Where a connection leads, for people. @throws CopylineError `CONNECTION_UNKNOWN` */
  describe(name: string): string {
    return this.#entry(name).target.description;
  }

  /** @throws CopylineError `CONNECTION_UNKNOWN`, or as the driver's `Pool.connect` does */
  async connect(name: string, signal?: AbortSignal): Promise<Connection> {
    const entry = this.#entry(name);
    const pool = (entry.pool ??= this.#open(entry, signal));
    try {
      return await (await pool).connect();
    } catch (error) {
      // A database that could not be found or started is looked for again next time.
      await pool.catch(() => {
        if (entry.pool === pool) entry.pool = undefined;
      });
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const { pool, target } of this.#entries.values()) {
      await (await pool?.catch(() => undefined))?.close();
      await target[Symbol.asyncDispose]();
    }
    this.#entries.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const target = connectionNamed(name, this.#settings, this.#options.onStatus);
      entry = { target, pool: undefined };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  async #open({ target }: Entry, signal: AbortSignal | undefined): Promise<Pool> {
    const { max, applicationName } = this.#options;
    return new Pool({ target: await target.parameters(signal), max, applicationName });
  }
}
