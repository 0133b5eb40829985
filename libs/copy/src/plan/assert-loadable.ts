import { CopylineError } from '@copyline/contracts';

import { list } from './column-names.ts';
import type { TableFacts } from './facts.ts';

/**
 * What COPY would refuse after the file has been read.
 *
 * @throws CopylineError `TABLE_UNSUITABLE`, `PERMISSION_DENIED`
 */
export function assertLoadable(table: TableFacts | undefined, columns: readonly string[]): void {
  if (table === undefined) return;
  if (table.hasRowSecurity) {
    throw new CopylineError(
      'TABLE_UNSUITABLE',
      `Row-level security of ${table.schema}.${table.name} applies to the user, and COPY cannot load through it`,
      { advice: 'Load as the owner of the table, or as a role with BYPASSRLS.' },
    );
  }
  const wanted = new Set(columns);
  const forbidden = table.columns.filter(({ name, insertable }) => wanted.has(name) && !insertable);
  if (forbidden.length === 0) return;
  const isAll = table.columns.every(({ insertable }) => !insertable);
  const what = isAll ? 'the table' : `the columns ${list(forbidden.map(({ name }) => name))}`;
  throw new CopylineError(
    'PERMISSION_DENIED',
    `permission denied for table ${table.name}: INSERT is missing on ${what}`,
    { sqlstate: '42501' },
  );
}
