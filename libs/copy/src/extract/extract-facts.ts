import { CopylineError, type ExtractSpec } from '@copyline/contracts';
import { type Capabilities, sqlstateOf, type Connection } from '@copyline/dws-client';

import { findTable } from '../plan/find-table.ts';
import { parseTableName, type TableName } from '../plan/table-name.ts';
import { describeStatement, selectStatement, type SourceTable } from './select-statement.ts';

/** What an extract's plan depends on; gathered in the transaction that reads the rows. */
export interface ExtractFacts {
  /** What the server can do of what not all can. */
  readonly can: Capabilities;
  readonly database: string;
  /** When the transaction began: ISO 8601 in UTC. */
  readonly startedAt: string;
  /** Settings that the text of the values, or the rows, depend on. */
  readonly session: Readonly<Record<string, string>>;
  /** `undefined` for a query. */
  readonly table: SourceTable | undefined;
  readonly columns: readonly ExtractColumn[];
}

/** One column of the result. */
export interface ExtractColumn {
  readonly name: string;
  /** As the server spells it: `numeric(10,2)`. */
  readonly type: string;
  /** pg_type.typcategory. */
  readonly category: string;
  /** What it is stored and sent as: a domain's base, else itself. */
  readonly base: {
    /** pg_type.typname; of a type that is not PostgreSQL's own, nothing. */
    readonly name: string;
    /** pg_type.typtype: `e` for an enum. */
    readonly kind: string;
    /** As pg_attribute.atttypmod; -1 for none. */
    readonly modifier: number;
  };
}

/** pg_class.relkind of what can be read: tables, partitioned and foreign ones, both kinds of views. */
const READABLE = ['r', 'p', 'f', 'v', 'm'];

/** SQLSTATEs that say: this is not one statement that reads. */
const NOT_A_READING_STATEMENT = new Set(['42601', '0A000', '25006', '42P14']);

/** Asks the session, the catalogue and the parser for everything that a plan depends on. */
export async function gatherExtractFacts(
  spec: ExtractSpec,
  connection: Connection,
): Promise<ExtractFacts> {
  const facts = await readSession(connection);
  const table =
    'table' in spec.from ? await readTable(connection, parseTableName(spec.from.table)) : undefined;
  const columns = await readColumns(connection, selectStatement(spec.from, table));
  return { ...facts, table, columns };
}

/** The error of a statement of the user: what the server refuses because it writes has its own code. */
export function asQueryError(error: unknown): unknown {
  if (!(error instanceof CopylineError)) return error;
  if (!NOT_A_READING_STATEMENT.has(sqlstateOf(error) ?? '')) return error;
  const { sqlstate, commitState } = error;
  return new CopylineError('QUERY_INVALID', error.message, {
    ...{ cause: error.cause, commitState },
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
}

async function readSession(
  connection: Connection,
): Promise<Pick<ExtractFacts, 'can' | 'database' | 'startedAt' | 'session'>> {
  const { rows } = await connection.query<Record<string, string>>(
    `SELECT current_database() AS database,
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
            current_setting('server_version') AS server_version,
            current_setting('transaction_isolation') AS transaction_isolation,
            current_setting('search_path') AS search_path,
            current_setting('TimeZone') AS "TimeZone",
            current_setting('DateStyle') AS "DateStyle",
            current_setting('IntervalStyle') AS "IntervalStyle",
            current_setting('lc_monetary') AS lc_monetary`,
  );
  const { database = '', started_at: startedAt = '', ...session } = rows[0] ?? {};
  return { can: connection.server.can, database, startedAt, session };
}

async function readTable(connection: Connection, name: TableName): Promise<SourceTable> {
  const { can } = connection.server;
  const { condition, parameters } = findTable(can, name);
  const { rows } = await connection.query<{
    oid: number;
    schema: string;
    name: string;
    kind: string;
    row_security: boolean;
  }>(
    `SELECT c.oid AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
            ${can.modernCatalogue ? 'row_security_active(c.oid)' : 'false'} AS row_security
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE ${condition}`,
    parameters,
  );
  const row = rows[0];
  if (row === undefined) {
    throw new CopylineError('TABLE_NOT_FOUND', 'The table or view does not exist', {
      advice: 'Check the name, and which schemas the search_path of the role has.',
    });
  }
  const columns = await connection.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
      WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [row.oid],
  );
  if (!READABLE.includes(row.kind) || columns.rows.length === 0) {
    throw new CopylineError(
      'TABLE_UNSUITABLE',
      `${row.schema}.${row.name} is no table or view, or has no columns`,
      { advice: 'Extract a table, a view, or a query.' },
    );
  }
  return {
    schema: row.schema,
    name: row.name,
    columns: columns.rows.map((column) => column.name),
    rowSecurity: row.row_security,
  };
}

/** What the result will look like; locks what it will be read from. */
async function readColumns(connection: Connection, select: string): Promise<ExtractColumn[]> {
  const described = await connection
    .query(describeStatement(select), [0])
    .catch((error: unknown) => {
      throw asQueryError(error);
    });
  if (described.columns.length === 0) {
    throw new CopylineError('QUERY_INVALID', 'The query has no columns');
  }
  const { rows } = await connection.query<TypeRow>(TYPES, [
    described.columnTypes.map(({ oid }) => oid),
    described.columnTypes.map(({ modifier }) => modifier),
  ]);
  return described.columns.map((name, i) => {
    const row = rows[i];
    if (row === undefined) throw new CopylineError('INTERNAL', 'A type of the result is not known');
    const { type, category, base, kind, modifier } = row;
    return { name, type, category, base: { name: base, kind, modifier } };
  });
}

interface TypeRow {
  readonly type: string;
  readonly category: string;
  readonly base: string;
  readonly kind: string;
  readonly modifier: number;
}

/** Types by OID and modifier, in that order; domains are followed down to what they are made of. */
const TYPES = `
  WITH RECURSIVE asked AS (
    SELECT t.oid, position, oids.modifier, t.typcategory AS category
      FROM (SELECT ($1::oid[])[i] AS oid, ($2::int4[])[i] AS modifier, i AS position
              FROM generate_series(1, array_length($1::oid[], 1)) i) oids
      JOIN pg_type t ON t.oid = oids.oid
  ), chain AS (
    SELECT position, oid, modifier FROM asked
     UNION ALL
    SELECT chain.position, t.typbasetype, t.typtypmod
      FROM chain JOIN pg_type t ON t.oid = chain.oid AND t.typtype = 'd'
  )
  SELECT format_type(asked.oid, asked.modifier) AS type, asked.category, chain.modifier,
         t.typtype AS kind,
         CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END AS base
    FROM asked JOIN chain USING (position) JOIN pg_type t ON t.oid = chain.oid
   WHERE t.typtype <> 'd'
   ORDER BY position`;
