import { CopylineError, type ErrorCode } from '@copyline/contracts';

import type { Connection } from './connection.ts';
import { quoteIdentifier } from './identifiers.ts';

/**
 * First part of the advisory lock that lets one session at a time migrate: `copy` in ASCII. The two
 * numbers form keeps clear of libraries that lock on one 64-bit number.
 */
const MIGRATION_LOCK = 0x636f7079;

/** The tables of one schema, version by version. A step that has been released is never edited. */
export interface SchemaMigrations {
  /** Its name, not quoted. */
  readonly schema: string;
  /** Each step gets the quoted name of the schema. */
  readonly steps: readonly ((schema: string) => string)[];
  /** What to say when the schema was made by a newer program. */
  readonly newer: { readonly code: ErrorCode; readonly what: string };
}

/**
 * Brings a schema to the version of this program, all steps in one transaction. Any number of
 * sessions may do so at the same time.
 *
 * @throws CopylineError the `newer` code, or what the server says
 */
export async function migrateSchema(
  connection: Connection,
  migrations: SchemaMigrations,
): Promise<void> {
  const { schema, steps } = migrations;
  if (await isCurrent(connection, migrations)) return;
  const { can } = connection.server;
  // Where there are no advisory locks, the table of versions must be there to be locked.
  if (!can.advisoryLocks) await connection.query(bootstrapStatements(schema, can.distributed));
  await connection.transaction(async () => {
    if (can.advisoryLocks) {
      await connection.query('SELECT pg_advisory_xact_lock($1::int4, hashtext($2)::int4)', [
        MIGRATION_LOCK,
        schema,
      ]);
    } else await connection.query(`LOCK TABLE ${quoteIdentifier(schema)}.migration`);
    if (await isCurrent(connection, migrations)) return;
    if (can.advisoryLocks) await connection.query(bootstrapStatements(schema, can.distributed));
    const version = await readSchemaVersion(connection, schema);
    for (let next = version + 1; next <= steps.length; next += 1) {
      await connection.query(migrationStatements(migrations, next, can.distributed));
    }
  });
}

/**
 * The whole script, for an administrator who runs it by hand.
 *
 * @param isDistributed whether it is for a server of many nodes. Default: false
 */
export function migrationScript(migrations: SchemaMigrations, isDistributed = false): string {
  const steps = migrations.steps.map((_, i) =>
    migrationStatements(migrations, i + 1, isDistributed),
  );
  return bootstrapStatements(migrations.schema, isDistributed) + steps.join('');
}

/** Whether the schema has been made at all, in any version. */
export async function schemaExists(connection: Connection, schema: string): Promise<boolean> {
  const { rows } = await connection.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = $1 AND c.relname = 'migration') AS found`,
    [schema],
  );
  return rows[0]?.found === true;
}

async function isCurrent(connection: Connection, migrations: SchemaMigrations): Promise<boolean> {
  const { schema, steps, newer } = migrations;
  if (!(await schemaExists(connection, schema))) return false;
  const version = await readSchemaVersion(connection, schema);
  if (version > steps.length) {
    throw new CopylineError(
      newer.code,
      `${newer.what} has version ${String(version)}, this Copyline knows ${String(steps.length)}`,
    );
  }
  return version === steps.length;
}

async function readSchemaVersion(connection: Connection, schema: string): Promise<number> {
  const { rows } = await connection.query<{ version: number | null }>(
    `SELECT max(version) AS version FROM ${quoteIdentifier(schema)}.migration`,
  );
  return rows[0]?.version ?? 0;
}

function migrationStatements(
  { schema, steps }: SchemaMigrations,
  version: number,
  isDistributed: boolean,
): string {
  const quoted = quoteIdentifier(schema);
  return `${onNodes(steps[version - 1]?.(quoted) ?? '', isDistributed)}
INSERT INTO ${quoted}.migration (version) VALUES (${String(version)});
`;
}

/** What stands before the first step. */
function bootstrapStatements(schema: string, isDistributed: boolean): string {
  const quoted = quoteIdentifier(schema);
  const statements = `CREATE SCHEMA IF NOT EXISTS ${quoted};
CREATE TABLE IF NOT EXISTS ${quoted}.migration (
  version    integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
`;
  return onNodes(statements, isDistributed);
}

/**
 * Of many nodes each has all of these small tables: a unique index of a table that is spread must hold
 * the column by which it is spread. In a step a table's definition ends with `)` alone on its line.
 */
function onNodes(statements: string, isDistributed: boolean): string {
  return isDistributed ? statements.replace(/^\);$/gm, ') DISTRIBUTE BY REPLICATION;') : statements;
}
