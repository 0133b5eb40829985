import type pg from 'pg';
import type { TestServer } from '../servers/test-server.ts';
import { openClient } from './sql-client.ts';

/** A forgotten lock must end as an error that names the statement, not as a hanging hook. */
const LOCK_TIMEOUT = '10s';

const sessions = new Map<string, Promise<pg.Client>>();

/**
 * The kit's session for making and dropping the places of tests: one for each database of each server,
 * kept as long as the process. A login costs more than everything else that is done for a place, and
 * there would be three of them for each test.
 */
export function adminSession(server: TestServer, database?: string): Promise<pg.Client> {
  const url = server.directUrl(database);
  const known = sessions.get(url);
  if (known !== undefined) return known;
  const session = open(url);
  sessions.set(url, session);
  session.catch(() => sessions.delete(url));
  return session;
}

async function open(url: string): Promise<pg.Client> {
  const client = await openClient(url);
  client.once('end', () => sessions.delete(url));
  await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
  // Nothing to wait for when the process has nothing else to do. (The types do not know of it.)
  (client as pg.Client & { unref(): void }).unref();
  return client;
}
