import {
  CopylineError,
  type ColumnsReport,
  type LoadSpec,
  type SetValue,
} from '@copyline/contracts';

import { delimiterAdvice } from '../csv/delimiter-advice.ts';
import { nullMarkerFaults } from '../csv/dialect.ts';
import { assertNames, isTooLong, list } from './column-names.ts';
import type { ColumnFacts, SourceFacts } from './facts.ts';
import {
  assertColumns,
  mapAllColumns,
  mapByHeader,
  mapByPosition,
  type FieldColumns,
} from './map-columns.ts';

/** What becomes of the fields of a record, and what columns get beside them. */
export interface ColumnMapping extends Omit<FieldColumns, 'columns'> {
  /** One for each field, in the file's order; `undefined` for one that is left out. */
  readonly fields: readonly (MappedField | undefined)[];
  /** The names of the fields in messages: their columns', the file's for those that are left out. */
  readonly fieldNames: readonly string[];
  /** Columns that no field fills. */
  readonly set: readonly SetColumn[];
}

export interface MappedField {
  readonly column: string;
  /** Unquoted texts that are NULL. */
  readonly nulls: readonly string[];
  /** Which values blanks and tabs are dropped around. */
  readonly trim: LoadSpec['dialect']['trim'];
}

export interface SetColumn {
  readonly column: string;
  readonly value: SetValue;
}

/** The columns of a COPY: those of the fields, in the file's order, then those that are set. */
export function columnsOf({ fields, set }: ColumnMapping): string[] {
  return [...fields.flatMap((field) => field?.column ?? []), ...set.map(({ column }) => column)];
}

/**
 * Which field goes to which column: by `columns`, by the header, or by position.
 *
 * @param table `undefined` when the load makes the table: then every field is a column
 * @throws CopylineError `HEADER_MISMATCH`, `HEADER_INVALID`, `COLUMN_NOT_FOUND`, `EMPTY_SOURCE`
 */
export function mapFields(
  spec: LoadSpec,
  source: SourceFacts,
  table: readonly ColumnFacts[] | undefined,
): ColumnMapping {
  const { mapping, dialect } = spec;
  try {
    const found = fieldColumns(spec, source, table);
    const set = Object.entries(mapping.set).map(([column, value]) => ({ column, value }));
    const nullsOf = (column: string): readonly string[] =>
      (Object.hasOwn(mapping.nulls, column) ? mapping.nulls[column] : undefined) ?? [dialect.null];
    const trimOf = (column: string): MappedField['trim'] =>
      (Object.hasOwn(mapping.trims, column) ? mapping.trims[column] : undefined) ?? dialect.trim;
    const names = fieldNames(spec, source) ?? [];
    const result: ColumnMapping = {
      fields: found.columns.map((column) =>
        column === undefined ? undefined : { column, nulls: nullsOf(column), trim: trimOf(column) },
      ),
      fieldNames: found.columns.map((column, i) => column ?? names[i] ?? String(i + 1)),
      set,
      defaulted: found.defaulted,
      extra: found.extra,
      missing: found.missing,
      notes: found.notes,
    };
    assertSets(result, spec, table);
    if (columnsOf(result).length === 0) {
      throw new CopylineError(
        'HEADER_MISMATCH',
        'Not a single field is loaded, and no column is set',
      );
    }
    return result;
  } catch (error) {
    throw error instanceof CopylineError ? error.with({ source: source.name }) : error;
  }
}

/**
 * What can be wrong with a mapping whatever the file and the table are.
 *
 * @throws CopylineError `CONFIG_INVALID`, naming every fault
 */
export function assertMapping({ mapping, columns, dialect }: LoadSpec): void {
  const { rename, nulls } = mapping;
  const isRenaming = Object.keys(rename).length > 0;
  const faults = Object.entries(nulls).flatMap(([column, texts]) =>
    texts.flatMap((text) =>
      nullMarkerFaults(text, dialect).map((fault) => `for column ${column}, ${fault}`),
    ),
  );
  if (isRenaming && columns !== undefined) faults.push('rename has no meaning beside columns');
  else if (isRenaming && !dialect.header) faults.push('rename needs a header');
  if (faults.length > 0) {
    throw new CopylineError('CONFIG_INVALID', `The mapping is not valid: ${faults.join('; ')}`);
  }
}

/** What the report says of it. */
export function columnsReport(mapping: ColumnMapping): ColumnsReport {
  const { fields, fieldNames, set, defaulted } = mapping;
  return {
    loaded: fields.flatMap((field) => field?.column ?? []),
    skipped: fieldNames.filter((_, i) => fields[i] === undefined),
    set: set.map(({ column }) => column),
    defaulted: [...defaulted],
  };
}

/** What the file calls its fields; `undefined` where it does not. */
function fieldNames(spec: LoadSpec, { head }: SourceFacts): readonly string[] | undefined {
  return spec.columns ?? head.header;
}

function fieldColumns(
  { columns, dialect, mapping }: LoadSpec,
  { head }: SourceFacts,
  table: readonly ColumnFacts[] | undefined,
): FieldColumns {
  if (columns !== undefined) {
    const mapped = mapByPosition(columns, mapping, table);
    assertFieldCount(head.header, columns.length);
    return mapped;
  }
  if (dialect.header && head.header !== undefined) {
    if (table !== undefined) return mapByHeader(head.header, mapping, table);
    return newColumns(
      head.header.map((name) =>
        mapping.skip.includes(name)
          ? undefined
          : ((Object.hasOwn(mapping.rename, name) ? mapping.rename[name] : undefined) ?? name),
      ),
    );
  }
  if (table !== undefined) return mapAllColumns(table, mapping);
  if (dialect.header || head.firstRecordFields === undefined) return noColumns();
  return newColumns(Array.from({ length: head.firstRecordFields }, (_, i) => `c${String(i + 1)}`));
}

function newColumns(columns: readonly (string | undefined)[]): FieldColumns {
  assertNames(columns, 'The header');
  return { columns, defaulted: [], extra: [], missing: [], notes: [] };
}

/** What is set and told of columns must be of columns that there are, and of none twice. */
function assertSets(
  { fields, set }: ColumnMapping,
  { mapping }: LoadSpec,
  table: readonly ColumnFacts[] | undefined,
): void {
  const names = set.map(({ column }) => column);
  assertColumns(names, table);
  const loaded = new Set(fields.map((field) => field?.column));
  const refuse = (what: string, columns: readonly string[]): void => {
    if (columns.length > 0) throw new CopylineError('HEADER_MISMATCH', `${what}: ${list(columns)}`);
  };
  refuse(
    'In the file and set by the load',
    names.filter((name) => loaded.has(name)),
  );
  refuse(
    'Set by the load, but generated by the table',
    [...(table ?? []).filter(({ name, generated }) => generated && names.includes(name))].map(
      ({ name }) => name,
    ),
  );
  refuse('Longer than a name may be', names.filter(isTooLong));
  refuse(
    'With NULL markers of their own, but not in the file',
    Object.keys(mapping.nulls).filter((name) => !loaded.has(name)),
  );
  refuse(
    'To be trimmed, but not in the file',
    Object.keys(mapping.trims).filter((name) => !loaded.has(name)),
  );
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
