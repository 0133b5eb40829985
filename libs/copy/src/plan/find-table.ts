import { type Capabilities, quoteIdentifier } from '@copyline/dws-client';

import type { TableName } from './table-name.ts';

/** What finds a table by its name: a condition on `pg_class c` and `pg_namespace n`, and its parameters. */
export interface TableCondition {
  readonly condition: string;
  readonly parameters: readonly (string | null)[];
}

/** A name without a schema is looked up along the search_path, as the server does in a statement. */
export function findTable({ modernCatalogue }: Capabilities, table: TableName): TableCondition {
  const { schema, name } = table;
  if (modernCatalogue) {
    const quoted = [schema, name].filter((part) => part !== undefined).map(quoteIdentifier);
    return { condition: 'c.oid = to_regclass($1)', parameters: [quoted.join('.')] };
  }
  return {
    condition: `c.relname = $1 AND n.nspname = coalesce($2, n.nspname)
                AND ($2 IS NOT NULL OR pg_table_is_visible(c.oid))`,
    parameters: [name, schema ?? null],
  };
}
