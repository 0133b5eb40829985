import { invalid } from './parquet-fault.ts';
import type { ThriftReader } from './thrift.ts';

/** Types of the format's `Type`, by their numbers. Source: apache/parquet-format, parquet.thrift. */
const PHYSICAL = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const;
export type PhysicalType = (typeof PHYSICAL)[number];

export type TimeUnit = 'ms' | 'us' | 'ns';

/** What the values of a column mean. */
export type Kind =
  | { readonly kind: 'bool' | 'int96' | 'date' | 'uuid' | 'float16' | 'float' | 'double' }
  | { readonly kind: 'text' | 'json' | 'bytes' | 'interval' | 'null' }
  | { readonly kind: 'int'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time' | 'timestamp'; readonly unit: TimeUnit; readonly utc: boolean };

/** An element of the schema, with those below it. */
export interface SchemaNode {
  readonly name: string;
  /** Names from the top, the root left out. */
  readonly path: readonly string[];
  readonly repetition: 'required' | 'optional' | 'repeated';
  /** Optional and repeated elements from the top down to this one. */
  readonly maxDefinition: number;
  /** Repeated ones. */
  readonly maxRepetition: number;
  readonly group: 'list' | 'map' | 'struct' | undefined;
  readonly children: readonly SchemaNode[];
  /** Of an element that has values. */
  readonly leaf: Leaf | undefined;
}

export interface Leaf {
  /** Its chunk's place in each row group. */
  readonly index: number;
  readonly physical: PhysicalType;
  /** Bytes of a value; 0 where they differ. */
  readonly width: number;
  readonly kind: Kind;
}

/** An element as it stands in the footer. */
export interface SchemaElement {
  type: number | undefined;
  typeLength: number;
  repetition: number;
  name: string;
  children: number | undefined;
  converted: number | undefined;
  scale: number;
  precision: number;
  logical: LogicalType | undefined;
}

interface LogicalType {
  /** The field of the union that is set. */
  id: number;
  scale: number;
  precision: number;
  utc: boolean;
  unit: number;
  bits: number;
  signed: boolean;
}

const WIDTHS: Readonly<Record<PhysicalType, number>> = {
  ...{ BOOLEAN: 1, INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8 },
  ...{ BYTE_ARRAY: 0, FIXED_LEN_BYTE_ARRAY: 0 },
};
const REPETITIONS = ['required', 'optional', 'repeated'] as const;
/** Far above any sane value; what follows is kept twice. */
const MAX_FIXED_BYTES = 1024 * 1024;
/** A table has 1,600 at most; nested ones may have more below. */
const MAX_ELEMENTS = 100_000;
/** Of any level: readers keep it in a byte. */
const MAX_NESTING = 100;

export function readSchemaElement(thrift: ThriftReader): SchemaElement {
  const element: SchemaElement = {
    ...{ type: undefined, typeLength: 0, repetition: 0, name: '', children: undefined },
    ...{ converted: undefined, scale: 0, precision: 0, logical: undefined },
  };
  thrift.struct((id) => {
    if (id === 1) element.type = thrift.int();
    else if (id === 2) element.typeLength = thrift.int();
    else if (id === 3) element.repetition = thrift.int();
    else if (id === 4) element.name = thrift.string();
    else if (id === 5) element.children = thrift.int();
    else if (id === 6) element.converted = thrift.int();
    else if (id === 7) element.scale = thrift.int();
    else if (id === 8) element.precision = thrift.int();
    else if (id === 10) element.logical = readLogicalType(thrift);
  });
  return element;
}

function readLogicalType(thrift: ThriftReader): LogicalType {
  const logical: LogicalType = {
    ...{ id: 0, scale: 0, precision: 0, utc: false, unit: 0, bits: 0, signed: true },
  };
  thrift.struct((id) => {
    logical.id = id;
    thrift.struct((field, type) => {
      if (id === 5 && field === 1) logical.scale = thrift.int();
      else if (id === 5 && field === 2) logical.precision = thrift.int();
      else if ((id === 7 || id === 8) && field === 1) logical.utc = type === 1;
      else if ((id === 7 || id === 8) && field === 2) {
        thrift.struct((unit) => {
          logical.unit = unit;
        });
      } else if (id === 10 && field === 1) logical.bits = thrift.byte();
      else if (id === 10 && field === 2) logical.signed = type === 1;
    });
  });
  return logical;
}

/**
 * The tree of the elements, which the footer has as a list, parents first.
 *
 * @throws ParquetFault when the list is none of a tree
 */
export function schemaTree(elements: readonly SchemaElement[]): readonly SchemaNode[] {
  if (elements.length > MAX_ELEMENTS) throw invalid('the schema has too many elements');
  let next = 0;
  let leaves = 0;
  const take = (path: readonly string[], definition: number, repetition: number): SchemaNode => {
    const element = elements[next];
    next += 1;
    if (element === undefined) throw invalid('the schema ends too early');
    if (path.length > MAX_NESTING) throw invalid('the schema is nested too deeply');
    const isRoot = next === 1;
    const repeats = isRoot ? 'required' : REPETITIONS[element.repetition];
    if (repeats === undefined) throw invalid(`${element.name}: unknown repetition`);
    const maxDefinition = definition + (repeats === 'required' ? 0 : 1);
    const maxRepetition = repetition + (repeats === 'repeated' ? 1 : 0);
    const own = isRoot ? [] : [...path, element.name];
    const node = {
      name: element.name,
      path: own,
      repetition: repeats,
      maxDefinition,
      maxRepetition,
    };
    const count = element.children ?? 0;
    if (element.type === undefined || count > 0 || isRoot) {
      if (count < 0 || count > elements.length - next) throw invalid('the schema ends too early');
      const children = Array.from({ length: count }, () => take(own, maxDefinition, maxRepetition));
      return { ...node, group: groupOf(element), children, leaf: undefined };
    }
    const leaf = leafOf(element, leaves);
    leaves += 1;
    return { ...node, group: undefined, children: [], leaf };
  };
  const root = take([], 0, 0);
  if (next !== elements.length) throw invalid('the schema has elements that belong to none');
  return root.children;
}

/** All elements with values, in the order of their chunks. */
export function leavesOf(nodes: readonly SchemaNode[]): SchemaNode[] {
  return nodes.flatMap((node) => (node.leaf === undefined ? leavesOf(node.children) : node));
}

function groupOf({ converted, logical }: SchemaElement): SchemaNode['group'] {
  if (logical?.id === 3 || converted === 3) return 'list';
  if (logical?.id === 2 || converted === 1 || converted === 2) return 'map';
  return 'struct';
}

function leafOf(element: SchemaElement, index: number): Leaf {
  const physical = PHYSICAL[element.type ?? -1];
  if (physical === undefined) throw invalid(`${element.name}: unknown physical type`);
  const isFixed = physical === 'FIXED_LEN_BYTE_ARRAY';
  const width = isFixed ? element.typeLength : WIDTHS[physical];
  if (isFixed && (width < 1 || width > MAX_FIXED_BYTES)) {
    throw invalid(`${element.name}: a value cannot have ${String(width)} bytes`);
  }
  return { index, physical, width, kind: kindOf(element, physical, width) };
}

const UNITS: readonly (TimeUnit | undefined)[] = [undefined, 'ms', 'us', 'ns'];

/** An annotation that does not fit its physical type, or is unknown, leaves that type as it is. */
function kindOf(element: SchemaElement, physical: PhysicalType, width: number): Kind {
  const { logical, converted } = element;
  const isBytes = physical === 'BYTE_ARRAY' || physical === 'FIXED_LEN_BYTE_ARRAY';
  const isInt = physical === 'INT32' || physical === 'INT64';
  const id = logical?.id;
  if (isBytes) {
    if (id === 1 || id === 4 || converted === 0 || converted === 4) return { kind: 'text' };
    if (id === 12 || converted === 19) return { kind: 'json' };
    if (id === 14 && width === 16) return { kind: 'uuid' };
    if (id === 15 && width === 2) return { kind: 'float16' };
    if (converted === 21 && width === 12) return { kind: 'interval' };
  }
  if (id === 11) return { kind: 'null' };
  if ((isBytes || isInt) && (id === 5 || converted === 5)) {
    return decimalKind(element, logical?.id === 5 ? logical : element, physical, width);
  }
  if (isInt) {
    if (physical === 'INT32' && (id === 6 || converted === 6)) return { kind: 'date' };
    const unit = UNITS[logical?.unit ?? 0];
    const units = physical === 'INT32' ? ['ms'] : ['ms', 'us', 'ns'];
    if (logical !== undefined && unit !== undefined && units.includes(unit)) {
      if (id === 7) return { kind: 'time', unit, utc: logical.utc };
      if (id === 8 && physical === 'INT64') return { kind: 'timestamp', unit, utc: logical.utc };
    }
    if (logical === undefined) {
      if (converted === 7 && physical === 'INT32') return { kind: 'time', unit: 'ms', utc: true };
      if (converted === 8 && physical === 'INT64') return { kind: 'time', unit: 'us', utc: true };
      if (physical === 'INT64' && (converted === 9 || converted === 10)) {
        return { kind: 'timestamp', unit: converted === 9 ? 'ms' : 'us', utc: true };
      }
    }
    return intKind(logical, converted, width * 8);
  }
  switch (physical) {
    case 'BOOLEAN':
      return { kind: 'bool' };
    case 'INT96':
      return { kind: 'int96' };
    case 'FLOAT':
      return { kind: 'float' };
    case 'DOUBLE':
      return { kind: 'double' };
    default:
      return { kind: 'bytes' };
  }
}

/** The largest number of digits that so many bytes can hold. */
function decimalDigits(width: number): number {
  return Math.floor(Math.log10(2) * (8 * width - 1));
}

/** PostgreSQL's largest precision. */
const MAX_PRECISION = 1000;

function decimalKind(
  { name }: SchemaElement,
  { precision, scale }: { readonly precision: number; readonly scale: number },
  physical: PhysicalType,
  width: number,
): Kind {
  const most = physical === 'BYTE_ARRAY' ? MAX_PRECISION : decimalDigits(width);
  if (precision < 1 || precision > most || scale < 0 || scale > precision) {
    throw invalid(`${name}: no decimal has precision ${String(precision)}, scale ${String(scale)}`);
  }
  return { kind: 'decimal', precision, scale };
}

/** Numbers of `ConvertedType` from UINT_8 to INT_64. */
const FIRST_UNSIGNED = 11;
const FIRST_SIGNED = 15;
const LAST_SIGNED = 18;

function intKind(
  logical: LogicalType | undefined,
  converted: number | undefined,
  width: number,
): Kind {
  let bits = width;
  let signed = true;
  if (logical?.id === 10) {
    ({ bits, signed } = logical);
  } else if (converted !== undefined && converted >= FIRST_UNSIGNED && converted <= LAST_SIGNED) {
    signed = converted >= FIRST_SIGNED;
    bits = 8 << (converted - (signed ? FIRST_SIGNED : FIRST_UNSIGNED));
  }
  // Fewer bits are but a promise; values are what the physical type holds.
  return {
    kind: 'int',
    bits: [8, 16, 32, 64].includes(bits) ? Math.min(bits, width) : width,
    signed,
  };
}
