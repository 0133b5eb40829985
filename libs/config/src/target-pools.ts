import { Pool, untilAborted, type Connection } from '@copyline/dws-client';

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

  /**
   * @param signal ends the wait of this caller; the pool, which is everybody's, is opened all the same
   * @throws CopylineError `CONNECTION_UNKNOWN`, or as the driver's `Pool.connect` does
   */
  async connect(name: string, signal?: AbortSignal): Promise<Connection> {
    const entry = this.#entry(name);
    const pool = (entry.pool ??= this.#open(entry));
    await untilAborted(pool, signal);
    return (await pool).connect({ signal });
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

  async #open(entry: Entry): Promise<Pool> {
    const { max, applicationName } = this.#options;
    try {
      return new Pool({ target: await entry.target.parameters(), max, applicationName });
    } catch (error) {
      // A database that could not be found or started is looked for again next time.
      entry.pool = undefined;
      throw error;
    }
  }
}
