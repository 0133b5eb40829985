import { CopylineError, csvDialectSchema, type LoadSpec } from '@copyline/contracts';
import { isDeepStrictEqual } from 'node:util';

import type { ValueType } from '../encode/index.ts';
import type { DecodedColumn } from '../parquet/decode-plan.ts';
import type { ParquetFooter } from '../parquet/footer.ts';
import type { Kind, SchemaNode } from '../parquet/schema.ts';
import { kindText } from '../parquet/value-text.ts';
import { quote } from './column-names.ts';
import type { LoadFacts } from './facts.ts';
import type { ColumnMapping } from './map-fields.ts';
import { typesOf } from './plan-lane.ts';

/** How the columns of a Parquet file are read. */
export interface ParquetPlan {
  readonly footer: ParquetFooter;
  /** Those that are loaded, in the order of the COPY; no other is read. */
  readonly columns: readonly DecodedColumn[];
  readonly truncatesNanoseconds: boolean;
}

/**
 * @returns undefined when the file is none
 * @throws CopylineError `CONFIG_INVALID` for a dialect, `PARQUET_NESTED`, `COLUMN_TYPE_MISMATCH`
 */
export function planParquet(
  spec: LoadSpec,
  facts: LoadFacts,
  mapping: ColumnMapping,
): ParquetPlan | undefined {
  const { parquet: footer } = facts.source.head;
  if (footer === undefined) return undefined;
  assertNoDialect(spec);
  const types = typesOf(facts, mapping);
  const columns = mapping.fields
    .flatMap((mapped, field) => (mapped === undefined ? [] : { field, name: mapped.column }))
    .map((column, i) => ({ ...column, target: types[i] as ValueType }));
  for (const { field, name, target } of columns) {
    const node = footer.columns[field] as SchemaNode;
    const told = facts.table?.columns.find((each) => each.name === name)?.type ?? target.name;
    const { leaf } = node;
    const place = { source: facts.source.name, column: name };
    if (leaf === undefined || !isFlat(node)) assertNestedTarget(spec, node, place, target, told);
    else if (!canBecome(leaf.kind, target)) throw mismatch(kindText(leaf.kind), place, told);
  }
  return { footer, columns, truncatesNanoseconds: spec.parquet.nanoseconds === 'truncate' };
}

/** Whether a column has at most one value in each row. */
export function isFlat(node: SchemaNode): boolean {
  return node.leaf !== undefined && node.repetition !== 'repeated';
}

/** How a file is written as CSV does not concern one that is not. */
function assertNoDialect({ dialect, mapping }: LoadSpec): void {
  const isDefault = isDeepStrictEqual(dialect, csvDialectSchema.parse({}));
  const told = Object.keys({ ...mapping.nulls, ...mapping.trims });
  if (isDefault && told.length === 0) return;
  throw new CopylineError(
    'CONFIG_INVALID',
    'A Parquet file has no dialect, no NULL markers and no blanks',
    {
      advice: 'Leave out --delimiter, --null, --null-for, --trim-for and the like.',
    },
  );
}

interface Place {
  readonly source: string;
  readonly column: string;
}

const DOCUMENTS = new Set(['json', 'jsonb', 'text', 'varchar']);

function assertNestedTarget(
  { parquet }: LoadSpec,
  node: SchemaNode,
  place: Place,
  target: ValueType,
  told: string,
): void {
  if (parquet.nested === 'refuse') {
    throw new CopylineError(
      'PARQUET_NESTED',
      `The column ${quote(node.name)} is ${nestingOf(node)}`,
      place,
    );
  }
  if (!DOCUMENTS.has(target.name)) throw mismatch(nestingOf(node), place, told);
}

function nestingOf(node: SchemaNode): string {
  if (node.repetition === 'repeated' || node.group === 'list') return 'a list';
  return node.group === 'map' ? 'a map' : 'a struct';
}

function mismatch(what: string, place: Place, type: string): CopylineError {
  return new CopylineError(
    'COLUMN_TYPE_MISMATCH',
    `The file has ${what} for the column ${quote(place.column)}, which is of type ${type}`,
    place,
  );
}

const NUMBERS = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'money', 'oid']);
const TIMES = new Set(['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval']);
const OTHERS = new Set(['bool', 'bytea', 'uuid', 'json', 'jsonb']);

/**
 * Whether the values may be read as the type at all: nobody shall find dates made of numbers. What has a
 * text of any form, or is a type of the user's own, is for the server to judge.
 */
function canBecome({ kind }: Kind, { name, kind: typeKind }: ValueType): boolean {
  const isTold = NUMBERS.has(name) || TIMES.has(name) || OTHERS.has(name);
  if (typeKind !== 'base') return true;
  if (!isTold) return kind !== 'bytes' || isText(name);
  switch (kind) {
    case 'int':
    case 'decimal':
    case 'float':
    case 'double':
    case 'float16':
      return NUMBERS.has(name);
    case 'bool':
      return name === 'bool';
    case 'date':
    case 'timestamp':
    case 'int96':
      return (
        ['date', 'timestamp', 'timestamptz'].includes(name) && (kind === 'date' || name !== 'date')
      );
    case 'time':
      return name === 'time' || name === 'timetz';
    case 'interval':
      return name === 'interval';
    case 'uuid':
      return name === 'uuid';
    case 'bytes':
      return name === 'bytea' || name === 'json' || name === 'jsonb';
    case 'json':
      return name === 'json' || name === 'jsonb';
    default:
      return true;
  }
}

function isText(name: string): boolean {
  return ['text', 'varchar', 'bpchar', 'name', 'xml'].includes(name);
}
