import type { ServiceStatus } from '@copyline/contracts';
import { randomUUID } from 'node:crypto';

import type { ControlDatabase } from './control-database.ts';
import { instantOf, isoUtc } from './submission-row.ts';

/** A worker that has not been seen for longer is taken for gone. */
const GONE_AFTER_SECONDS = 15;

/** The workers that are there, so that people can see why nothing happens. */
export class Workers {
  readonly #database: ControlDatabase;
  readonly #table: string;

  constructor(database: ControlDatabase) {
    this.#database = database;
    this.#table = `${database.schema}.worker`;
  }

  /** @returns the worker's id for its signs of life */
  async register(name: string, concurrency: number): Promise<string> {
    const id = randomUUID();
    await this.#database.query(
      `WITH gone AS (
         DELETE FROM ${this.#table} WHERE seen_at < clock_timestamp() - interval '1 hour')
       INSERT INTO ${this.#table} (id, name, concurrency, running) VALUES ($1, $2, $3, 0)`,
      [id, name, concurrency],
    );
    return id;
  }

  async beat(id: string, running: number): Promise<void> {
    await this.#database.query(
      `UPDATE ${this.#table} SET seen_at = clock_timestamp(), running = $2 WHERE id = $1`,
      [id, running],
    );
  }

  async unregister(id: string): Promise<void> {
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
