import { NumericEncoder } from '../encode/numeric.ts';
import {
  writeInt16,
  writeInt32,
  writeInt64ProductField,
  writeShortLength,
} from '../encode/big-endian.ts';
import { LOSSY, REFUSED, type CellWriter } from './cells.ts';
import type { TimeUnit } from './schema.ts';
import { decimalText, halfAt } from './value-text.ts';

/** PostgreSQL counts from 2000-01-01, Parquet from 1970-01-01. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000;
const EPOCH_JULIAN = 2_451_545;
const DAY_SECONDS = 86_400;
const DAY_MICROS = 86_400_000_000;
const TWO_32 = 0x1_0000_0000;
/** Days from 2000 of 4714-11-24 BC, before which there is no date, and behind the last one. */
const FIRST_DAY = -2_451_545;
const DATE_END = 2_145_031_949;
/** Timestamps end with the year 294276. */
const TIMESTAMP_END_DAY = 106_751_983;

export const boolWriter: CellWriter = (bytes, start, _end, out, at) => {
  const p = writeShortLength(out, at, 1);
  out[p] = bytes[start] === 0 ? 0 : 1;
  return p + 1;
};

function low32(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** An integer that a double holds; NaN for any other. */
function safeInt64(bytes: Buffer, at: number): number {
  const value = low32(bytes, at + 4) * TWO_32 + (low32(bytes, at) >>> 0);
  return Number.isSafeInteger(value) ? value : NaN;
}

/** Integers of any width into integers of any width, range-checked. */
export function integerWriter(from: 4 | 8, signed: boolean, to: 2 | 4 | 8): CellWriter {
  const limit = 2 ** (to * 8 - 1);
  return (bytes, start, _end, out, at) => {
    const low = low32(bytes, start);
    const high = from === 8 ? low32(bytes, start + 4) : signed && low < 0 ? -1 : 0;
    if (to === 8) {
      if (!signed && high < 0) return -REFUSED;
      return writeInt32(out, writeInt32(out, writeShortLength(out, at, 8), high), low);
    }
    const fits = high === (low < 0 ? -1 : 0) && low >= -limit && low < limit;
    if (!fits || (!signed && high < 0)) return -REFUSED;
    const p = writeShortLength(out, at, to);
    return to === 4 ? writeInt32(out, p, low) : writeInt16(out, p, low);
  };
}

/** A float into a double, exactly; a double into a float where that is exact; of half precision into both. */
export function floatWriter(from: 2 | 4 | 8, to: 4 | 8): CellWriter {
  return (bytes, start, _end, out, at) => {
    const value =
      from === 2
        ? halfAt(bytes, start)
        : from === 4
          ? bytes.readFloatLE(start)
          : bytes.readDoubleLE(start);
    const p = writeShortLength(out, at, to);
    if (to === 8) return out.writeDoubleBE(value, p);
    if (Math.fround(value) !== value && !Number.isNaN(value)) return -LOSSY;
    return out.writeFloatBE(value, p);
  };
}

export const dateWriter: CellWriter = (bytes, start, _end, out, at) => {
  const day = low32(bytes, start) - EPOCH_DAYS;
  if (day < FIRST_DAY || day >= DATE_END) return -REFUSED;
  return writeInt32(out, writeShortLength(out, at, 4), day);
};

/** Time of day. @param truncates whether nanoseconds may be dropped */
export function timeWriter(width: 4 | 8, unit: TimeUnit, truncates: boolean): CellWriter {
  return (bytes, start, _end, out, at) => {
    const value = width === 4 ? low32(bytes, start) : safeInt64(bytes, start);
    const micros = unit === 'ms' ? value * 1000 : unit === 'us' ? value : Math.floor(value / 1000);
    if (!(micros >= 0 && micros <= DAY_MICROS)) return -REFUSED;
    if (unit === 'ns' && !truncates && value % 1000 !== 0) return -LOSSY;
    return writeInt64ProductField(out, at, 0, 1, micros);
  };
}

/**
 * Moments as 64 bits in two halves, because no double holds them all.
 *
 * @param truncates whether what is finer than microseconds may be dropped
 */
export function timestampWriter(unit: TimeUnit, truncates: boolean): CellWriter {
  return (bytes, start, _end, out, at) => {
    const high = low32(bytes, start + 4);
    const low = low32(bytes, start) >>> 0;
    let [factor, perFactor, rest] = [high, TWO_32, low];
    if (unit === 'ns') {
      // 2³² is 4,294,967 thousands and 296.
      const thousandths = high * 296 + low;
      rest = Math.floor(thousandths / 1000);
      if (!truncates && thousandths - rest * 1000 !== 0) return -LOSSY;
      perFactor = 4_294_967;
      factor = high;
    } else if (unit === 'ms') {
      const value = high * TWO_32 + low;
      factor = Math.floor(value / 1000);
      perFactor = 1e6;
      rest = (value - factor * 1000) * 1000;
    }
    // In double arithmetic this is off by microseconds at worst; the bounds are kept a day away from.
    const day = (factor * perFactor + rest - EPOCH_MICROS) / DAY_MICROS;
    if (!(day >= FIRST_DAY && day < TIMESTAMP_END_DAY)) return -REFUSED;
    if (unit !== 'us') {
      return writeInt64ProductField(out, at, factor, perFactor, rest - EPOCH_MICROS);
    }
    const difference = low - EPOCH_LOW;
    const p = writeInt32(
      out,
      writeShortLength(out, at, 8),
      high - EPOCH_HIGH - (difference < 0 ? 1 : 0),
    );
    return writeInt32(out, p, difference);
  };
}

const EPOCH_HIGH = Math.floor(EPOCH_MICROS / TWO_32);
const EPOCH_LOW = EPOCH_MICROS - EPOCH_HIGH * TWO_32;

/** INT96: nanoseconds of a day, and its Julian number. */
export function int96Writer(truncates: boolean): CellWriter {
  return (bytes, start, _end, out, at) => {
    const nanos = safeInt64(bytes, start);
    const day = low32(bytes, start + 8) - EPOCH_JULIAN;
    const micros = Math.floor(nanos / 1000);
    // Nanoseconds of several days are within what the type can say; a year of them is nonsense.
    if (!(day >= FIRST_DAY && day < TIMESTAMP_END_DAY && Math.abs(micros) < 366 * DAY_MICROS)) {
      return -REFUSED;
    }
    if (!truncates && nanos % 1000 !== 0) return -LOSSY;
    const total = day + micros / DAY_MICROS;
    if (total < FIRST_DAY || total >= TIMESTAMP_END_DAY) return -REFUSED;
    return writeInt64ProductField(out, at, day * DAY_SECONDS, 1e6, micros);
  };
}

const NUMERIC_NEGATIVE = 0x4000;
const NUMERIC_HEADER_BYTES = 8;
/** Above it a number with three more digits behind it is none that a double holds. */
const MAX_FAST = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
/** Beside those of its digits. */
const NUMERIC_ROOM = 40;
/** Of 1,000 digits, the most that a decimal may have. */
const MAX_DECIMAL_BYTES = 416;

/** How the integer behind a decimal lies in the file. */
export type IntegerForm = 'int32' | 'uint32' | 'int64' | 'uint64' | 'big endian';

/**
 * Decimals and integers into numeric: digits in groups of four, counted from the point.
 *
 * @param precision digits that a value may have
 * @param columnScale digits that the column keeps behind the point; of any more each must be 0
 */
export function numericWriter(
  form: IntegerForm,
  precision: number,
  scale: number,
  columnScale: number,
): CellWriter {
  const padded = 10 ** ((4 - (scale % 4)) % 4);
  const fractionGroups = Math.ceil(scale / 4);
  const dropped = columnScale < scale ? 10n ** BigInt(scale - columnScale) : 1n;
  const droppedNumber = scale - columnScale < 16 ? Number(dropped) : Infinity;
  const general = new NumericEncoder(-1, OLDEST_VERSION);
  const slow = (value: bigint, out: Buffer, at: number): number => {
    if (value % dropped !== 0n) return -LOSSY;
    const text = Buffer.from(decimalText(value, scale), 'latin1');
    // A sign, a point and a zero before it.
    if (text.length > precision + 3) return -REFUSED;
    return general.encode(text, 0, text.length, out, at);
  };
  return (bytes, start, end, out, at) => {
    const value =
      form === 'int32'
        ? low32(bytes, start)
        : form === 'uint32'
          ? low32(bytes, start) >>> 0
          : form === 'int64'
            ? low32(bytes, start + 4) * TWO_32 + (low32(bytes, start) >>> 0)
            : NaN;
    let left = value < 0 ? -value : value;
    if (end - start > MAX_DECIMAL_BYTES) return -REFUSED;
    if (!(left <= MAX_FAST)) return slow(bigIntOf(form, bytes, start, end), out, at);
    if (droppedNumber > 1 && left % droppedNumber !== 0) return -LOSSY;
    left *= padded;
    let weight = -fractionGroups;
    // Zeros at the end are not stored.
    while (left !== 0 && left % 1e4 === 0) {
      left /= 1e4;
      weight += 1;
    }
    let count = 0;
    for (let rest = left; rest > 0; rest = Math.floor(rest / 1e4)) count += 1;
    let p = writeInt32(out, at, NUMERIC_HEADER_BYTES + count * 2);
    p = writeInt16(out, p, count);
    p = writeInt16(out, p, count === 0 ? 0 : weight + count - 1);
    p = writeInt16(out, p, value < 0 ? NUMERIC_NEGATIVE : 0);
    p = writeInt16(out, p, scale);
    for (let q = p + count * 2 - 2; q >= p; q -= 2) {
      const rest = Math.floor(left / 1e4);
      writeInt16(out, q, left - rest * 1e4);
      left = rest;
    }
    return p + count * 2;
  };
}

/** Bytes that a numeric of so many digits may take. */
export function numericRoom(precision: number, scale: number): number {
  return NUMERIC_ROOM + precision + scale;
}

const OLDEST_VERSION = 150_000;

function bigIntOf(form: IntegerForm, bytes: Buffer, start: number, end: number): bigint {
  if (form === 'int64') return bytes.readBigInt64LE(start);
  if (form === 'uint64') return bytes.readBigUInt64LE(start);
  if (start === end) return 0n;
  return BigInt.asIntN((end - start) * 8, BigInt(`0x${bytes.toString('hex', start, end)}`));
}

/** A document with the version of its binary form before it. */
export const jsonbWriter: CellWriter = (bytes, start, end, out, at) => {
  const p = writeInt32(out, at, end - start + 1);
  out[p] = 1;
  return p + 1 + bytes.copy(out, p + 1, start, end);
};
