import {
  ASK,
  encodedRoom,
  encoderFor,
  type EncoderSession,
  type FieldEncoder,
  type ValueType,
} from '../encode/index.ts';
import {
  boolWriter,
  dateWriter,
  floatWriter,
  int96Writer,
  integerWriter,
  jsonbWriter,
  numericRoom,
  numericWriter,
  timestampWriter,
  timeWriter,
  type IntegerForm,
} from './cell-writers.ts';
import {
  ASKED,
  byteCells,
  cellsOf,
  fieldsAt,
  fixedCellsOf,
  LOSSY,
  REFUSED,
  reversedCells,
  type CellMaker,
} from './cells.ts';
import type { Leaf } from './schema.ts';
import { int96Nanos, integerAt, spellingOf, type Spell } from './value-text.ts';
import { startOf, type Values } from './values.ts';

/** Before each field. */
const LENGTH_BYTES = 4;
/** Of dates, and of times and timestamps. */
const DATE_BYTES = 4;
const TIME_BYTES = 8;
/** Beside the document: a length, and the version of its form. */
const JSONB_ROOM = 5;
const VARHDRSZ = 4;
/** numeric(p, s) as its typmod has it since version 15: s is a signed integer of 11 bits. */
const SCALE_BITS = 0x7ff;
const SCALE_SIGN = 0x400;

const TEXTS = new Set(['text', 'varchar', 'bpchar']);
const INTEGERS: Readonly<Record<string, 2 | 4 | 8>> = { int2: 2, int4: 4, int8: 8 };
const FLOATS: Readonly<Record<string, 4 | 8>> = { float4: 4, float8: 8 };
const TEMPORAL = new Set(['date', 'time', 'timetz', 'timestamp', 'timestamptz']);

/** What may be done with values that no column can hold exactly. */
export interface LossPolicy {
  readonly truncatesNanoseconds: boolean;
}

/**
 * How the values of a file's column become fields of a table's column: straight, where both are proven
 * to mean the same; else by way of the text that the value has in PostgreSQL, and the encoder of that.
 *
 * @returns undefined when the type has no encoder
 */
export function cellMaker(
  leaf: Leaf,
  target: ValueType,
  session: EncoderSession,
  policy: LossPolicy,
): CellMaker | undefined {
  const encoder = encoderFor(target, session);
  if (encoder === undefined) return undefined;
  const straight = target.kind === 'base' ? straightMaker(leaf, target, policy) : undefined;
  return straight ?? spelledMaker(targetSpelling(leaf, target, policy), encoder);
}

function straightMaker(
  { kind, physical, width }: Leaf,
  { name, typmod }: ValueType,
  { truncatesNanoseconds: truncates }: LossPolicy,
): CellMaker | undefined {
  const intWidth = width === 4 ? 4 : 8;
  switch (kind.kind) {
    case 'bool':
      return name === 'bool' ? fixedCellsOf(boolWriter, LENGTH_BYTES + 1) : undefined;
    case 'int': {
      const to = INTEGERS[name];
      if (to === width && kind.signed) return reversedCells;
      if (to !== undefined) {
        return fixedCellsOf(integerWriter(intWidth, kind.signed, to), LENGTH_BYTES + to);
      }
      if (name !== 'numeric') return undefined;
      const form: IntegerForm = `${kind.signed ? '' : 'u'}int${width === 4 ? 32 : 64}`;
      return cellsOf(
        numericWriter(form, INT64_DIGITS, 0, scaleOf(typmod)),
        numericRoom(INT64_DIGITS, 0),
      );
    }
    case 'decimal': {
      if (name !== 'numeric') return undefined;
      const form = physical === 'INT32' ? 'int32' : physical === 'INT64' ? 'int64' : 'big endian';
      const { precision, scale } = kind;
      return cellsOf(
        numericWriter(form, precision, scale, scaleOf(typmod)),
        numericRoom(precision, scale),
      );
    }
    case 'float':
    case 'double':
    case 'float16': {
      const from = kind.kind === 'float' ? 4 : kind.kind === 'double' ? 8 : 2;
      const to = FLOATS[name];
      if (to === undefined) return undefined;
      return from === to ? reversedCells : fixedCellsOf(floatWriter(from, to), LENGTH_BYTES + to);
    }
    case 'date':
      return name === 'date' ? fixedCellsOf(dateWriter, LENGTH_BYTES + DATE_BYTES) : undefined;
    case 'time':
      return name === 'time'
        ? fixedCellsOf(timeWriter(intWidth, kind.unit, truncates), LENGTH_BYTES + TIME_BYTES)
        : undefined;
    case 'timestamp':
      // An instant in a column without time zone is its time in UTC.
      return name === (kind.utc ? 'timestamptz' : 'timestamp') || (kind.utc && name === 'timestamp')
        ? fixedCellsOf(timestampWriter(kind.unit, truncates), LENGTH_BYTES + TIME_BYTES)
        : undefined;
    case 'int96':
      return name === 'timestamp' || name === 'timestamptz'
        ? fixedCellsOf(int96Writer(truncates), LENGTH_BYTES + TIME_BYTES)
        : undefined;
    case 'uuid':
      return name === 'uuid' ? byteCells : undefined;
    case 'text':
    case 'json':
    case 'bytes':
      if (name === 'jsonb') return cellsOf(jsonbWriter, JSONB_ROOM);
      if (name === 'bytea') return kind.kind === 'bytes' ? byteCells : undefined;
      // Whether they are UTF-8, JSON, and short enough is for the server to say.
      return TEXTS.has(name) || name === 'json' ? byteCells : undefined;
    default:
      return undefined;
  }
}

/** Of 64 bits without sign. */
const INT64_DIGITS = 20;

/** Digits behind the point that a column keeps. */
function scaleOf(typmod: number): number {
  if (typmod < VARHDRSZ) return Infinity;
  return (((typmod - VARHDRSZ) & SCALE_BITS) ^ SCALE_SIGN) - SCALE_SIGN;
}

/** The text that stands for a value in a column of one type, or why there is none. */
export type TargetSpell = (values: Values, i: number) => string | typeof LOSSY | typeof REFUSED;

export function targetSpelling(
  leaf: Leaf,
  target: ValueType,
  { truncatesNanoseconds }: LossPolicy,
): TargetSpell {
  const spell = spellingOf(leaf);
  const { kind } = leaf;
  const isText = TEXTS.has(target.name) || target.name === 'json' || target.name === 'jsonb';
  // Old writers do not say that their texts are such.
  if (kind.kind === 'bytes' && isText) return spellingOf({ ...leaf, kind: { kind: 'text' } });
  const isFine = kind.kind === 'int96' || ('unit' in kind && kind.unit === 'ns');
  if (isFine && TEMPORAL.has(target.name)) return microsOf(leaf, spell, truncatesNanoseconds);
  if (kind.kind === 'decimal' && target.name === 'numeric') {
    const kept = scaleOf(target.typmod);
    // Behind the point, zeros only.
    return (values, i) => {
      const text = spell(values, i);
      if (kept >= kind.scale || typeof text !== 'string') return text;
      return /[1-9]/.test(text.slice(kept - kind.scale)) ? LOSSY : text;
    };
  }
  return spell;
}

function microsOf(leaf: Leaf, spell: Spell, truncates: boolean): TargetSpell {
  return (values, i) => {
    const nanos =
      leaf.kind.kind === 'int96'
        ? int96Nanos(values.bytes, startOf(values, i))
        : integerAt(values, i);
    const text = spell(values, i);
    if (nanos % 1000n === 0n || typeof text !== 'string') return text;
    // Digits stand behind the point from the left, so what is cut off is what is too fine.
    return truncates ? text.replace(/(\.\d{6})\d+/, '$1') : LOSSY;
  };
}

function spelledMaker(spell: TargetSpell, encoder: FieldEncoder): CellMaker {
  return (values) => {
    const { count } = values;
    const parts: Buffer[] = [];
    const starts = new Int32Array(count + 1);
    let verdicts: Uint8Array | undefined;
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      const spelling = spell(values, i);
      const text = Buffer.from(typeof spelling === 'string' ? spelling : '');
      const out = Buffer.allocUnsafe(encodedRoom(text.length));
      const end =
        typeof spelling === 'string' ? encoder.encode(text, 0, text.length, out, 0) : -spelling;
      if (typeof spelling !== 'string' || end < 0) {
        verdicts ??= new Uint8Array(count);
        verdicts[i] = typeof spelling !== 'string' ? spelling : end === ASK ? ASKED : REFUSED;
      } else {
        parts.push(out.subarray(0, end));
        at += end;
      }
      starts[i + 1] = at;
    }
    return fieldsAt(Buffer.concat(parts), starts, verdicts);
  };
}
