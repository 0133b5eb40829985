import { CopylineError } from '@copyline/contracts';
import {
  migrateSchema,
  Pool,
  quoteIdentifier,
  type ConnectionParameters,
  type QueryResult,
} from '@copyline/dws-client';

import { CONTROL_SCHEMA, controlMigrations } from './migrations.ts';

export interface ControlOptions {
  readonly target: string | ConnectionParameters;
  /** Default: `copyline_control`. */
  readonly schema?: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Most connections. Default: 4; every statement is short. */
  readonly max?: number;
}

/** The database that holds submissions, schedules and access: a pool, and the name of the schema. */
export class ControlDatabase implements AsyncDisposable {
  /** Quoted, for statements. */
  readonly schema: string;
  readonly #pool: Pool;

  private constructor(pool: Pool, schema: string) {
    this.#pool = pool;
    this.schema = quoteIdentifier(schema);
  }

  /**
   * Connects, and makes or migrates the tables; any number of processes may do so at once.
   *
   * @throws CopylineError `CONTROL_NEWER`, `CONTROL_UNAVAILABLE`, or as `connect` does
   */
  static async open(options: ControlOptions): Promise<ControlDatabase> {
    const { target, schema = CONTROL_SCHEMA, applicationName = 'copyline control' } = options;
    const pool = new Pool({
      target,
      applicationName,
      max: options.max ?? 4,
      // Only the statements of this library are run here, and they leave nothing behind.
      reset: 'none',
    });
    try {
      await pool.withConnection((connection) =>
        migrateSchema(connection, controlMigrations(schema)),
      );
      return new ControlDatabase(pool, schema);
    } catch (error) {
      await pool.close();
      throw asControlError(error);
    }
  }

  /** One statement, committed by itself. */
  query<Row extends object>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    return this.#pool.query<Row>(text, parameters);
  }

  /** Several statements in one transaction. */
  transaction<T>(work: (query: ControlDatabase['query']) => Promise<T>): Promise<T> {
    return this.#pool.withConnection((connection) =>
      connection.transaction(() => work((text, parameters) => connection.query(text, parameters))),
    );
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function asControlError(error: unknown): unknown {
  if (!(error instanceof CopylineError)) return error;
  if (error.code !== 'PERMISSION_DENIED' && error.code !== 'SQL_FAILED') return error;
  return new CopylineError(
    'CONTROL_UNAVAILABLE',
    `The control database cannot be prepared: ${error.message}`,
    { cause: error },
  );
}
