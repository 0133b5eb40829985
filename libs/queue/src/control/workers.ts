import type { ServiceStatus } from '@copyline/contracts';
import { randomUUID } from 'node:crypto';

import type { ControlDatabase } from './control-database.ts';
import { instantOf, isoUtc } from './submission-row.ts';

/** A worker that has not been seen for longer is taken for gone. */
const GONE_AFTER_SECONDS = 15;

/** A worker, as it has registered. */
export interface RegisteredWorker {
  readonly id: string;
  readonly name: string;
  /** Jobs at a time. */
  readonly concurrency: number;
  readonly startedAt: string;
}

/** The workers that are there, so that people can see why nothing happens. */
export class Workers {
  readonly #database: ControlDatabase;
  readonly #table: string;

  constructor(database: ControlDatabase) {
    this.#database = database;
    this.#table = `${database.schema}.worker`;
  }

  /** @returns the worker as its signs of life have to name it */
  async register(name: string, concurrency: number): Promise<RegisteredWorker> {
    const { rows } = await this.#database.query<{ started_at: string }>(
      `WITH gone AS (
         DELETE FROM ${this.#table} WHERE seen_at < clock_timestamp() - interval '1 hour')
       SELECT ${isoUtc('started_at')} FROM (SELECT clock_timestamp() AS started_at) AS now`,
    );
    const worker = { id: randomUUID(), name, concurrency, startedAt: rows[0]?.started_at ?? '' };
    await this.beat(worker, 0);
    return worker;
  }

  /** A sign of life; it also brings back who was cut off for so long that the row is gone. */
  async beat(
    { id, name, concurrency, startedAt }: RegisteredWorker,
    running: number,
  ): Promise<void> {
    await this.#database.query(
      `INSERT INTO ${this.#table} (id, name, concurrency, started_at, running)
       VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), running = EXCLUDED.running`,
      [id, name, concurrency, startedAt, running],
    );
  }

  async unregister({ id }: RegisteredWorker): Promise<void> {
    await this.#database.query(`DELETE FROM ${this.#table} WHERE id = $1`, [id]);
  }

  async list(): Promise<ServiceStatus['workers']> {
    const { rows } = await this.#database.query<{
      name: string;
      concurrency: number;
      running: number;
      started_at: string;
      seen_at: string;
    }>(
      `SELECT name, concurrency, running, ${isoUtc('started_at')}, ${isoUtc('seen_at')}
         FROM ${this.#table}
        WHERE seen_at > clock_timestamp() - $1 * interval '1 second' ORDER BY name`,
      [GONE_AFTER_SECONDS],
    );
    return rows.map(({ started_at: startedAt, seen_at: seenAt, ...worker }) => ({
      ...worker,
      startedAt: instantOf(startedAt),
      seenAt: instantOf(seenAt),
    }));
  }
}
