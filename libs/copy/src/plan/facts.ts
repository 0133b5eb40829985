import type { Capabilities, Connection } from '@copyline/dws-client';
import { CopylineError } from '@copyline/contracts';
import { quoteIdentifier } from '@copyline/dws-client';

import type { TableType } from '../csv/column-types.ts';
import type { ValueType } from '../encode/index.ts';
import type { LedgerFacts } from '../ledger/ledger-records.ts';
import type { FileVersion } from '../source/local-file.ts';
import type { SourceHead } from '../source/source-head.ts';
import { findTable } from './find-table.ts';
import type { RejectFacts } from './reject-facts.ts';
import type { TableName } from './table-name.ts';

/** What a load's plan depends on; gathered before anything is decided. */
export interface LoadFacts {
  readonly session: SessionFacts;
  /** `undefined` when the table does not exist. */
  readonly table: TableFacts | undefined;
  /** Whether the schema that the table is in, or would be created in, exists. */
  readonly schemaExists: boolean;
  readonly source: SourceFacts;
  /** Types for `--create`, one for each field; only when the table does not exist. */
  readonly inferred: readonly TableType[] | undefined;
  /** `undefined` when the load runs without a ledger. */
  readonly ledger: LedgerFacts | undefined;
  /** Only of a load in continue mode, where the server has COPY under a savepoint. */
  readonly rejects?: RejectFacts | undefined;
}

/** Settings of the session that decide how the server reads values. */
export interface SessionFacts {
  /** What the server can do of what not all can. */
  readonly can: Capabilities;
  readonly database: string;
  readonly currentSchema: string | undefined;
  readonly serverVersion: string;
  /** `server_version_num`. */
  readonly serverVersionNumber: number;
  readonly serverEncoding: string;
  readonly dateStyle: string;
  readonly timeZone: string;
  readonly synchronousCommit: string;
}

export interface SourceFacts {
  readonly name: string;
  readonly canonical: string;
  readonly version: FileVersion;
  readonly head: SourceHead;
}

export interface TableFacts {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'partitioned table' | 'foreign table' | 'view';
  readonly unlogged: boolean;
  readonly columns: readonly ColumnFacts[];
  /** Whether a trigger may keep rows out: BEFORE (or INSTEAD OF) ROW INSERT. */
  readonly hasRowTrigger: boolean;
  /** Whether a trigger fires for each INSERT statement, so that it matters how many there are. */
  readonly hasStatementTrigger: boolean;
  /** Whether row-level security applies to the user: then COPY FROM is refused. */
  readonly hasRowSecurity: boolean;
}

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  /** What the values are under all names: the base type of a domain. */
  readonly valueType: ValueType;
  /** NOT NULL and nothing fills it when it is left out. */
  readonly required: boolean;
  /** Something fills it when it is left out: a default, an identity. */
  readonly hasDefault: boolean;
  /** GENERATED ALWAYS AS (…) STORED: cannot be loaded. */
  readonly generated: boolean;
  /** Whether the user may insert into it. */
  readonly insertable: boolean;
}

export async function readSessionFacts(connection: Connection): Promise<SessionFacts> {
  const { rows } = await connection.query<{
    database: string;
    schema: string | null;
    version: string;
    version_number: number;
    encoding: string;
    date_style: string;
    time_zone: string;
    synchronous_commit: string;
  }>(`SELECT current_database() AS database, current_schema() AS schema,
             current_setting('server_version') AS version,
             current_setting('server_version_num')::int4 AS version_number,
             current_setting('server_encoding') AS encoding,
             current_setting('DateStyle') AS date_style,
             current_setting('TimeZone') AS time_zone,
             current_setting('synchronous_commit') AS synchronous_commit`);
  const row = rows[0];
  if (row === undefined) throw new CopylineError('INTERNAL', 'The session has no settings');
  return {
    can: connection.server.can,
    database: row.database,
    currentSchema: row.schema ?? undefined,
    serverVersion: row.version,
    serverVersionNumber: row.version_number,
    serverEncoding: row.encoding,
    dateStyle: row.date_style,
    timeZone: row.time_zone,
    synchronousCommit: row.synchronous_commit,
  };
}

export async function readSchemaExists(connection: Connection, schema: string): Promise<boolean> {
  const { rowCount } = await connection.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [
    schema,
  ]);
  return rowCount > 0;
}

/** pg_class.relkind of what COPY can fill. */
const KINDS: Readonly<Record<string, TableFacts['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  f: 'foreign table',
  v: 'view',
};

/**
 * Looks a table up.
 *
 * @returns `undefined` when it does not exist
 * @throws CopylineError `TABLE_UNSUITABLE` for what COPY cannot fill
 */
export async function readTableFacts(
  connection: Connection,
  table: TableName,
): Promise<TableFacts | undefined> {
  const { modernCatalogue } = connection.server.can;
  const { condition, parameters } = findTable(connection.server.can, table);
  const partitions = modernCatalogue
    ? ' UNION ALL SELECT i.relid FROM pg_partition_tree(c.oid) i'
    : '';
  const { rows } = await connection.query<{
    oid: number;
    schema: string;
    name: string;
    kind: string;
    persistence: string;
    row_trigger: boolean;
    statement_trigger: boolean;
    row_security: boolean;
    instead_trigger: boolean;
  }>(
    // Triggers of partitions count: they fire when a row is routed to them. tgtype is a bit mask:
    // 1 ROW, 2 BEFORE, 4 INSERT, 64 INSTEAD OF (pg_trigger.h).
    `SELECT c.oid AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
            c.relpersistence AS persistence,
            EXISTS (SELECT 1 FROM pg_trigger t
                     WHERE NOT t.tgisinternal AND t.tgtype & 7 = 7
                       AND t.tgrelid IN (SELECT c.oid${partitions})) AS row_trigger,
            EXISTS (SELECT 1 FROM pg_trigger t
                     WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 5 = 4)
              AS statement_trigger,
            ${modernCatalogue ? 'row_security_active(c.oid)' : 'false'} AS row_security,
            EXISTS (SELECT 1 FROM pg_trigger t
                     WHERE t.tgrelid = c.oid AND t.tgtype & 69 = 69) AS instead_trigger
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE ${condition}`,
    parameters,
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const kind = KINDS[row.kind];
  if (kind === undefined || (kind === 'view' && !row.instead_trigger)) {
    const what = kind === 'view' ? 'a view without an INSTEAD OF INSERT trigger' : 'not a table';
    throw new CopylineError('TABLE_UNSUITABLE', `${row.schema}.${row.name} is ${what}`);
  }
  return {
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    kind,
    unlogged: row.persistence === 'u',
    columns: await readColumns(connection, row.oid),
    hasRowTrigger: row.row_trigger || kind === 'view',
    hasStatementTrigger: row.statement_trigger,
    hasRowSecurity: row.row_security,
  };
}

async function readColumns(connection: Connection, oid: number): Promise<ColumnFacts[]> {
  const [filled, generated] = connection.server.can.modernCatalogue
    ? [`a.atthasdef AND a.attgenerated = '' OR a.attidentity <> ''`, `a.attgenerated <> ''`]
    : ['a.atthasdef', 'false'];
  const { rows } = await connection.query<{
    name: string;
    type: string;
    not_null: boolean;
    has_default: boolean;
    generated: boolean;
    insertable: boolean;
    base_name: string;
    base_kind: ValueType['kind'];
    typmod: number;
    labels: string[] | null;
  }>(
    // A domain may stand on a domain; the first length or precision on the way down holds.
    `WITH RECURSIVE step AS (
       SELECT attnum, atttypid AS type, atttypmod AS typmod
         FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
       UNION ALL
       SELECT step.attnum, t.typbasetype,
              CASE WHEN step.typmod = -1 THEN t.typtypmod ELSE step.typmod END
         FROM step JOIN pg_type t ON t.oid = step.type WHERE t.typtype = 'd')
     SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AS not_null,
            ${filled} AS has_default, ${generated} AS generated,
            has_column_privilege($1::oid, a.attnum, 'INSERT') AS insertable,
            t.typname AS base_name, step.typmod AS typmod,
            CASE WHEN t.typtype = 'e' THEN 'enum'
                 WHEN t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace THEN 'base'
                 ELSE 'other' END AS base_kind,
            CASE WHEN t.typtype = 'e' THEN
              ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
            END AS labels
       FROM step JOIN pg_type t ON t.oid = step.type AND t.typtype <> 'd'
       JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attnum = step.attnum
      ORDER BY a.attnum`,
    [oid],
  );
  return rows.map((row) => ({
    name: row.name,
    type: row.type,
    valueType: {
      name: row.base_name,
      kind: row.base_kind,
      typmod: row.typmod,
      ...(row.labels === null ? {} : { enumLabels: row.labels }),
    },
    required: row.not_null && !row.has_default && !row.generated,
    hasDefault: row.has_default,
    generated: row.generated,
    insertable: row.insertable,
  }));
}

function quoteTableName({ schema, name }: TableName): string {
  return schema === undefined
    ? quoteIdentifier(name)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** Whether the table has no rows at all; `undefined` when the role may not look. */
export async function isEmptyTable(
  connection: Connection,
  table: TableFacts,
): Promise<boolean | undefined> {
  try {
    const { rows } = await connection.query<{ empty: boolean }>(
      `SELECT NOT EXISTS (SELECT 1 FROM ${quoteTableName(table)}) AS empty`,
    );
    return rows[0]?.empty;
  } catch (error) {
    if (error instanceof CopylineError && error.code === 'PERMISSION_DENIED') return undefined;
    throw error;
  }
}
