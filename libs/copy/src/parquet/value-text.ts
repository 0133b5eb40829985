import { isUtf8 } from 'node:buffer';

import { REFUSED } from './cells.ts';
import type { Kind, Leaf, TimeUnit } from './schema.ts';
import { endOf, startOf, type Values } from './values.ts';

/**
 * Spells a value as PostgreSQL does, in a session of ISO dates and UTC; exactly, or not at all: bytes
 * that are not UTF-8 have no spelling.
 */
export type Spell = (values: Values, i: number) => string | typeof REFUSED;

export const UNIX_EPOCH_DAYS = 10_957;
const DAY_MS = 86_400_000;
const MICROS_OF: Readonly<Record<TimeUnit, bigint>> = { ms: 1000n, us: 1n, ns: 1n };
/** 1970-01-01 as a Julian day, which INT96 counts in. */
export const UNIX_EPOCH_JULIAN = 2_440_588;
const DAY_NANOS = 86_400_000_000_000n;

/** How the values of a column are spelt. Nanoseconds keep their nine digits. */
export function spellingOf({ kind, width, physical }: Leaf): Spell {
  switch (kind.kind) {
    case 'bool':
      return ({ bytes, base }, i) => (bytes[base + i] === 1 ? 'true' : 'false');
    case 'int':
      return kind.signed
        ? (values, i) => integerAt(values, i).toString()
        : (values, i) => BigInt.asUintN(width * 8, integerAt(values, i)).toString();
    case 'float':
      return (values, i) => floatText(values.bytes.readFloatLE(startOf(values, i)));
    case 'double':
      return (values, i) => numberText(values.bytes.readDoubleLE(startOf(values, i)));
    case 'float16':
      return (values, i) => numberText(halfAt(values.bytes, startOf(values, i)));
    case 'decimal': {
      const isInt = physical === 'INT32' || physical === 'INT64';
      const { scale } = kind;
      return (values, i) =>
        decimalText(isInt ? integerAt(values, i) : bigEndianAt(values, i), scale);
    }
    case 'date':
      return (values, i) => dateText(values.bytes.readInt32LE(startOf(values, i)));
    case 'time':
      return (values, i) =>
        clockText(nanosOf(integerAt(values, i), kind.unit)) + (kind.utc ? '+00' : '');
    case 'timestamp':
      return (values, i) =>
        momentText(nanosOf(integerAt(values, i), kind.unit), kind.utc ? '+00' : '');
    case 'int96':
      return (values, i) => momentText(int96Nanos(values.bytes, startOf(values, i)), '');
    case 'uuid':
      return (values, i) =>
        values.bytes
          .toString('hex', startOf(values, i), endOf(values, i))
          .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'interval':
      return (values, i) => {
        const at = startOf(values, i);
        const [months, days, ms] = [0, 4, 8].map((skip) => values.bytes.readUInt32LE(at + skip));
        return `${String(months)} mons ${String(days)} days ${decimalText(BigInt(ms ?? 0), 3)} secs`;
      };
    case 'text':
    case 'json':
      return utf8At;
    case 'bytes':
      return (values, i) =>
        `\\x${values.bytes.toString('hex', startOf(values, i), endOf(values, i))}`;
    case 'null':
      return () => '';
  }
}

/** What the column is, for messages. */
export function kindText(kind: Kind): string {
  switch (kind.kind) {
    case 'int':
      return `${kind.signed ? 'int' : 'uint'}${String(kind.bits)}`;
    case 'decimal':
      return `decimal(${String(kind.precision)},${String(kind.scale)})`;
    case 'time':
    case 'timestamp':
      return `${kind.kind}(${kind.unit}${kind.utc ? ', UTC' : ''})`;
    default:
      return kind.kind;
  }
}

function utf8At(values: Values, i: number): string | typeof REFUSED {
  const bytes = values.bytes.subarray(startOf(values, i), endOf(values, i));
  return isUtf8(bytes) ? bytes.toString('utf8') : REFUSED;
}

/** A signed integer of four or eight bytes. */
export function integerAt(values: Values, i: number): bigint {
  const at = startOf(values, i);
  return values.width === 4
    ? BigInt(values.bytes.readInt32LE(at))
    : values.bytes.readBigInt64LE(at);
}

/** A signed integer of any length, as decimals have it; without bytes it is 0. */
export function bigEndianAt(values: Values, i: number): bigint {
  const [from, to] = [startOf(values, i), endOf(values, i)];
  if (from === to) return 0n;
  const size = to - from;
  return BigInt.asIntN(size * 8, BigInt(`0x${values.bytes.toString('hex', from, to)}`));
}

export function halfAt(bytes: Buffer, at: number): number {
  const bits = bytes.readUInt16LE(at);
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function nanosOf(value: bigint, unit: TimeUnit): bigint {
  return unit === 'ns' ? value : value * MICROS_OF[unit] * 1000n;
}

export function int96Nanos(bytes: Buffer, at: number): bigint {
  const day = BigInt(bytes.readInt32LE(at + 8) - UNIX_EPOCH_JULIAN);
  return day * DAY_NANOS + bytes.readBigInt64LE(at);
}

export function decimalText(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return value < 0n ? `-${text}` : text;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The shortest text that is the same float. */
function floatText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return numberText(value);
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return numberText(short);
  }
  return numberText(Number(value.toPrecision(9)));
}

function dateText(days: number): string {
  // Days are counted in eras of 400 years, because a Date ends in the year 275760.
  const era = Math.floor(days / 146_097);
  const date = new Date((days - era * 146_097) * DAY_MS);
  const year = date.getUTCFullYear() + era * 400;
  const rest = date.toISOString().slice(4, 10);
  return year > 0 ? `${pad(year, 4)}${rest}` : `${pad(1 - year, 4)}${rest} BC`;
}

function clockText(nanos: bigint): string {
  const seconds = nanos / 1_000_000_000n;
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const [h, m, s] = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((n) => pad(n, 2));
  return `${h ?? ''}:${m ?? ''}:${s ?? ''}${fraction === '' ? '' : `.${fraction}`}`;
}

function momentText(nanos: bigint, zone: string): string {
  const rest = ((nanos % DAY_NANOS) + DAY_NANOS) % DAY_NANOS;
  const date = dateText(Number((nanos - rest) / DAY_NANOS));
  const isBefore = date.endsWith(' BC');
  return `${isBefore ? date.slice(0, -3) : date} ${clockText(rest)}${zone}${isBefore ? ' BC' : ''}`;
}

function pad(value: number | bigint, digits: number): string {
  return String(value).padStart(digits, '0');
}
