import type { TableType } from '../csv/column-types.ts';
import type { Kind, SchemaNode } from './schema.ts';
import { kindText } from './value-text.ts';

/** The type of PostgreSQL that holds every value of a column of the file exactly. */
export function columnTypeOf({ leaf, repetition }: SchemaNode): TableType {
  return leaf === undefined || repetition === 'repeated' ? 'jsonb' : typeOf(leaf.kind);
}

/** What a column of the file is, for people. */
export function columnTypeText({ leaf, repetition, group }: SchemaNode): string {
  if (leaf === undefined) return group ?? 'struct';
  return repetition === 'repeated' ? 'list' : kindText(leaf.kind);
}

function typeOf(kind: Kind): TableType {
  switch (kind.kind) {
    case 'bool':
      return 'boolean';
    case 'int':
      return intType(kind.bits, kind.signed);
    case 'float16':
    case 'float':
      return 'real';
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${kind.precision},${kind.scale})`;
    case 'timestamp':
      return kind.utc ? 'timestamptz' : 'timestamp';
    case 'int96':
      return 'timestamp';
    case 'bytes':
      return 'bytea';
    case 'null':
      return 'text';
    default:
      return kind.kind;
  }
}

function intType(bits: number, signed: boolean): TableType {
  if (bits <= 8 || (bits === 16 && signed)) return 'smallint';
  if (bits === 16 || (bits === 32 && signed)) return 'integer';
  return bits === 32 || signed ? 'bigint' : 'numeric(20,0)';
}
