import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { EmbeddedDatabase } from '@copyline/embedded';
import pg from 'pg';
import { openClient, rowsOf } from '../databases/sql-client.ts';

/**
 * One round instead of 4,096: the tests log in some ten thousand times, and each login takes 10 ms of
 * processor time to prove that it knows the password. It is SCRAM all the same.
 */
const ITERATIONS = 1;

/** Keeps the password of a server's superuser so that logins cost little. */
export async function makeLoginsQuick(server: EmbeddedDatabase): Promise<void> {
  const { host, port, user, password, database } = server;
  const verifier = scramVerifier(password);
  const client = await openClient(`postgresql://${user}:${password}@${host}:${port}/${database}`);
  try {
    await rowsOf(
      client,
      `alter role ${pg.escapeIdentifier(user)} password ${pg.escapeLiteral(verifier)}`,
    );
  } finally {
    await client.end();
  }
}

/** What the server keeps of a password. Source: RFC 5803; PostgreSQL documentation, `pg_authid`. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const keyed = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(keyed('Client Key')).digest();
  const [first, second, third] = [salt, storedKey, keyed('Server Key')].map((bytes) =>
    bytes.toString('base64'),
  );
  return `SCRAM-SHA-256$${ITERATIONS}:${first}$${second}:${third}`;
}
