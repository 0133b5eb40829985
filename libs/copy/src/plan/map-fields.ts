import { CopylineError, type LoadSpec } from '@copyline/contracts';

import { delimiterAdvice } from '../csv/delimiter-advice.ts';
import type { ColumnFacts, SourceFacts } from './facts.ts';
import {
  assertNames,
  mapAllColumns,
  mapByHeader,
  mapByPosition,
  type ColumnMapping,
} from './map-columns.ts';

/**
 * Which field goes to which column: by `columns`, by the header, or by position.
 *
 * @param table `undefined` when the load makes the table: then every field is a column
 * @throws CopylineError `HEADER_MISMATCH`, `HEADER_INVALID`, `COLUMN_NOT_FOUND`, `EMPTY_SOURCE`
 */
export function mapFields(
  spec: LoadSpec,
  { head, name }: SourceFacts,
  table: readonly ColumnFacts[] | undefined,
): ColumnMapping {
  try {
    if (spec.columns !== undefined) {
      const mapping = mapByPosition(spec.columns, table);
      assertFieldCount(head.header, spec.columns.length);
      return mapping;
    }
    if (spec.dialect.header) {
      if (head.header === undefined)
        return table === undefined ? noColumns() : mapAllColumns(table);
      if (table !== undefined) return mapByHeader(head.header, table);
      assertNames(head.header, 'The header');
      return { columns: head.header, notes: [] };
    }
    if (table !== undefined) return mapAllColumns(table);
    if (head.firstRecordFields === undefined) return noColumns();
    const columns = Array.from({ length: head.firstRecordFields }, (_, i) => `c${String(i + 1)}`);
    return { columns, notes: [] };
  } catch (error) {
    throw error instanceof CopylineError ? error.with({ source: name }) : error;
  }
}

/** With `--columns` the header's names do not matter, but it must be a record of the same width. */
function assertFieldCount(header: readonly string[] | undefined, columns: number): void {
  if (header === undefined || header.length === columns) return;
  const advice = header.length === 1 ? delimiterAdvice(header[0] ?? '', columns) : undefined;
  throw new CopylineError(
    'HEADER_MISMATCH',
    `The header has ${String(header.length)} fields, --columns names ${String(columns)}`,
    advice === undefined ? {} : { advice },
  );
}

function noColumns(): never {
  throw new CopylineError('EMPTY_SOURCE', 'The source has no record to make columns from', {
    advice: 'Name the columns with --columns, or create the table first.',
  });
}
