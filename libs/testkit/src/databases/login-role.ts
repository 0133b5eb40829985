import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { TestDatabase } from './test-database.ts';

/** The setting of a role in which the kit keeps its password; see `keptPassword`. */
const KEPT_PASSWORD = 'testkit.password';

/**
 * A role that may log in, until the test ends; called again it gets another password. A face knows it,
 * too: that must have the password itself, of which PostgreSQL keeps only what proves it.
 */
export async function loginRole(db: TestDatabase, name: string, password: string): Promise<void> {
  const [role, secret] = [pg.escapeIdentifier(name), pg.escapeLiteral(password)];
  const known = await db.sql('select from pg_roles where rolname = $1', [name]);
  await db.sql(`${known.length > 0 ? 'alter' : 'create'} role ${role} login password ${secret}`);
  await db.sql(`alter role ${role} set ${KEPT_PASSWORD} = ${secret}`);
  if (known.length > 0) return;
  onTestFinished(async () => {
    await db.sql(`drop owned by ${role}`);
    await db.sql(`drop role ${role}`);
  });
}

/** The password of a role that `loginRole` has made. */
export async function keptPassword(
  server: pg.ClientConfig,
  name: string,
): Promise<string | undefined> {
  const client = new pg.Client({ ...server, database: 'template1' });
  await client.connect();
  try {
    const { rows } = await client.query<{ setting: string }>(
      `select unnest(setconfig) as setting from pg_db_role_setting s
         join pg_roles r on r.oid = s.setrole where r.rolname = $1`,
      [name],
    );
    const prefix = `${KEPT_PASSWORD}=`;
    return rows.find(({ setting }) => setting.startsWith(prefix))?.setting.slice(prefix.length);
  } finally {
    await client.end();
  }
}
