import type pg from 'pg';

import type { TestServer } from '../servers/test-server.ts';
import type { Row } from './sql-client.ts';

/**
 * What a test holds while it runs: one isolated place in a server, made before it and dropped
 * after it when it passed. See `useOwnDatabase` and `useTestDatabase`.
 */
export interface TestDatabase {
  readonly server: TestServer;
  /** The name of the database. */
  readonly database: string;
  /** The schema for the test's tables; first in the `search_path` of `sql` and of `client()`. */
  readonly schema: string;
  /** `postgresql://` with the superuser and its password; it does not set the `search_path`. */
  url(): string;
  /**
   * Runs one statement on the kit's own session, never through the product. int8 comes back as
   * `bigint`, dates and times as the server's text, numeric as text.
   */
  sql<R extends Row = Row>(text: string, parameters?: readonly unknown[]): Promise<R[]>;
  /** One more connected plain pg client, closed by the kit at the end of the test. */
  client(): Promise<pg.Client>;
}
