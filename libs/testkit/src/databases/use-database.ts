import { createHash } from 'node:crypto';
import pg from 'pg';
import { beforeEach, type TestContext } from 'vitest';
import type { TestServer } from '../servers/test-server.ts';
import { adminSession } from './admin-session.ts';
import { expectNoBusyProductSession, terminateProductSessions } from './product-sessions.ts';
import { openClient, rowsOf } from './sql-client.ts';
import type { TestDatabase } from './test-database.ts';

/** The SQLSTATE for the first test of a worker: nobody has made its database yet. */
const UNKNOWN_DATABASE = '3D000';

/** Where one test works, and how that place is made and taken away. */
interface Place {
  readonly database: string;
  readonly schema: string;
  make(): Promise<void>;
  drop(): Promise<void>;
}

/**
 * One database per test: the default for everything that touches the ledger, which lives in a
 * schema of its own in each database. Call it inside a `describe`; the handle is valid inside the
 * tests (not at collection time), and not for `test.concurrent`.
 *
 * After a failed test the database is kept and its address is printed; the servers live as long
 * as the run, so look while it runs in watch mode.
 */
export function useOwnDatabase(server: TestServer): TestDatabase {
  return usePlace(server, (name) => {
    const identifier = pg.escapeIdentifier(name);
    const admin = async (statement: string): Promise<void> => {
      await (await adminSession(server)).query(statement);
    };
    return {
      database: name,
      schema: 'public',
      make: async () => {
        await admin(`drop database if exists ${identifier} with (force)`);
        await admin(`create database ${identifier} template template0`);
      },
      drop: () => admin(`drop database if exists ${identifier} with (force)`),
    };
  });
}

/**
 * One schema per test: cheaper, for tests that never touch the ledger. The database around it
 * belongs to the Vitest worker, so files that run at the same time do not see each other.
 */
export function useTestDatabase(server: TestServer): TestDatabase {
  const database = `testkit_worker_${process.env['VITEST_POOL_ID'] ?? '1'}`;
  return usePlace(server, (name) => {
    const identifier = pg.escapeIdentifier(name);
    const dropSchema = `drop schema if exists ${identifier} cascade`;
    const run = async (statements: string): Promise<void> => {
      await (await adminSession(server, database)).query(statements);
    };
    return {
      database,
      schema: name,
      make: async () => {
        const statements = `${dropSchema}; create schema ${identifier}`;
        await run(statements).catch(async (error: unknown) => {
          if ((error as pg.DatabaseError).code !== UNKNOWN_DATABASE) throw error;
          const admin = await adminSession(server);
          await admin.query(`create database ${database} template template0`);
          await run(statements);
        });
      },
      drop: () => run(dropSchema),
    };
  });
}

function usePlace(server: TestServer, placeFor: (name: string) => Place): TestDatabase {
  const ordinal = ++handlesOfThisFile;
  let current: { place: Place; open: () => Promise<pg.Client>; own: pg.Client } | undefined;
  const now = (): NonNullable<typeof current> => {
    if (!current) throw new Error('the test database exists only while a test runs');
    return current;
  };

  beforeEach(async (context) => {
    const place = placeFor(nameFor(context, ordinal));
    await place.make();
    const clients: pg.Client[] = [];
    const open = async (): Promise<pg.Client> => {
      const client = await openClient(server.directUrl(place.database), place.schema);
      clients.push(client);
      return client;
    };
    current = { place, open, own: await open() };
    // Not afterEach: this must come last, when the test's processes, proxies and pools are gone,
    // and callbacks like this one run in the opposite order of their registration.
    context.onTestFinished(async () => {
      current = undefined;
      await leave(context, server, place, clients);
    });
  });

  return {
    server,
    get database() {
      return now().place.database;
    },
    get schema() {
      return now().place.schema;
    },
    url: () => server.url(now().place.database),
    sql: (text, parameters) => rowsOf(now().own, text, parameters),
    client: () => now().open(),
  };
}

/** Two handles in one test need two names. */
let handlesOfThisFile = 0;

async function leave(
  context: TestContext,
  server: TestServer,
  place: Place,
  clients: readonly pg.Client[],
): Promise<void> {
  // The test's own sessions first: they may hold a gate the product waits for.
  await Promise.all(clients.map((client) => client.end()));
  const watcher = await adminSession(server);
  let passed = context.task.result?.state !== 'fail';
  try {
    if (passed) await expectNoBusyProductSession(watcher, place.database);
  } catch (error) {
    passed = false;
    throw error;
  } finally {
    if (!passed) {
      await terminateProductSessions(watcher, place.database);
      console.error(whereToLook(context, server, place));
    }
  }
  if (passed) await place.drop();
}

function whereToLook(context: TestContext, server: TestServer, place: Place): string {
  const { host, port, user } = server;
  return (
    `Kept after the failure of "${context.task.name}" (as long as ${server.name} runs): ` +
    `postgresql://${user}@${host}:${port}/${place.database} schema ${place.schema}`
  );
}

/** A readable prefix, and a hash that no other test of the run has. */
function nameFor({ task }: TestContext, ordinal: number): string {
  const key = `${task.file.name}\0${task.fullTestName}\0${ordinal}`;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const words = task.name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return `test_${words.slice(0, 40).replace(/^_|_$/g, '')}_${hash}`;
}
