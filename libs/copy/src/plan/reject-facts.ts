import type { Connection } from '@copyline/dws-client';

/** What continue mode depends on, beyond what every load does. */
export interface RejectFacts {
  /** Whether the role may make temporary tables, and functions in PL/pgSQL. */
  readonly mayStage: boolean;
  /** Whether a rule rewrites INSERT, which COPY would not notice. */
  readonly hasInsertRule: boolean;
  /** Whether the role may read the table. */
  readonly mayRead: boolean;
  /** Deferrable constraints that a later row of the same load cannot mend: with schema, quoted. */
  readonly earlyConstraints: readonly string[];
  /** Columns of each unique index that is a matter of columns only. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Whether there are unique or exclusion constraints of another kind. */
  readonly hasOtherKeys: boolean;
  /** Conditions of CHECK constraints, with the columns that they are about. */
  readonly checks: readonly { readonly condition: string; readonly columns: readonly string[] }[];
  readonly notNull: readonly string[];
}

/**
 * Asks the server for what continue mode depends on.
 *
 * @param oid of the table; 0 for one that does not exist, which has no constraints
 */
export async function readRejectFacts(connection: Connection, oid: number): Promise<RejectFacts> {
  const { rows } = await connection.query<
    Omit<RejectFacts, 'mayRead'> & { mayRead: boolean | null }
  >(
    // A foreign key to the table itself, or a constraint trigger, may be mended by a later row.
    `SELECT has_database_privilege(current_database(), 'TEMPORARY')
         AND coalesce((SELECT has_language_privilege(oid, 'USAGE') FROM pg_language
                        WHERE lanname = 'plpgsql'), false) AS "mayStage",
       EXISTS (SELECT 1 FROM pg_rewrite WHERE ev_class = $1::oid AND ev_type = '3') AS "hasInsertRule",
       has_table_privilege($1::oid, 'SELECT') AS "mayRead",
       ARRAY(SELECT DISTINCT format('%I.%I', n.nspname, c.conname)
               FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
              WHERE c.conrelid = $1::oid AND c.condeferrable
                AND (c.contype IN ('p', 'u', 'x') OR c.contype = 'f' AND c.confrelid <> $1::oid))
         AS "earlyConstraints",
       coalesce((SELECT jsonb_agg(k.columns) FROM (
           SELECT (SELECT jsonb_agg(a.attname ORDER BY key.n)
                     FROM unnest(i.indkey::int2[]) WITH ORDINALITY key (attnum, n)
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
                    WHERE key.n <= i.indnkeyatts) AS columns
             FROM pg_index i
            WHERE i.indrelid = $1::oid AND i.indisunique AND ${PLAIN_KEY}) k), '[]') AS "uniqueKeys",
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = $1::oid
                  AND (i.indisexclusion OR i.indisunique AND NOT (${PLAIN_KEY}))) AS "hasOtherKeys",
       coalesce((SELECT jsonb_agg(jsonb_build_object(
             'condition', pg_get_expr(c.conbin, c.conrelid),
             'columns', (SELECT coalesce(jsonb_agg(a.attname), '[]') FROM pg_attribute a
                          WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))))
           FROM pg_constraint c
          WHERE c.conrelid = $1::oid AND c.contype = 'c' AND NOT 0 = ANY (c.conkey)), '[]') AS checks,
       ARRAY(SELECT attname::text FROM pg_attribute
              WHERE attrelid = $1::oid AND attnum > 0 AND attnotnull AND NOT attisdropped)
         AS "notNull"`,
    [oid],
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError('A SELECT without FROM has one row');
  return { ...row, mayRead: row.mayRead ?? false };
}

/** Of columns only, and NULL is never equal to NULL (servers before 15 know nothing else). */
const PLAIN_KEY = `i.indexprs IS NULL AND i.indpred IS NULL
  AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)`;
