import { endianness } from 'node:os';

import { DOT, isWord, MINUS, PLUS, ZERO } from './ascii.ts';
import { writeInt32, writeShortLength } from './big-endian.ts';
import {
  ASK,
  invalidSyntax,
  REFUSE,
  SLOW_BYTES,
  type FieldEncoder,
  type Refusal,
} from './field-encoder.ts';
import { encodeBareNumber } from './padding.ts';

/** Digits that a double adds up exactly, whatever they are. */
const EXACT_DIGITS = 15;
/** Digits of a number that is computed in two doubles, half of them in each. */
const MIDDLING_DIGITS = 18;
const UPPER_DIGITS = 9;
/** The powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const MOST_POWER = POWERS.length - 1;

const LEAST_NORMAL_DOUBLE = 2 ** -1022;
const LEAST_NORMAL_FLOAT = 2 ** -126;
/** Half of the least float that there is: what is less is 0, and out of range. */
const NO_FLOAT = 2 ** -150;

/** One double as two halves, and one float. */
const scratch = new Float64Array(1);
const halves = new Uint32Array(scratch.buffer);
const HIGH = endianness() === 'LE' ? 1 : 0;
const LOW = 1 - HIGH;
const floatScratch = new Float32Array(1);
const floatBits = new Uint32Array(floatScratch.buffer);

export class Float8Encoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const value = parseDecimal(bytes, start, end);
    const size = Math.abs(value);
    if (size >= LEAST_NORMAL_DOUBLE && size !== Infinity) return writeDouble(out, at, value);
    if (size === 0) {
      return hasDigit(bytes, start, end) ? REFUSE : writeDouble(out, at, value);
    }
    if (size === Infinity) return REFUSE;
    // Servers on other systems refuse numbers that are denormal.
    if (size > 0) return ASK;
    const special = namedValue(bytes, start, end);
    return special === undefined
      ? judge(this, bytes, start, end, out, at)
      : writeDouble(out, at, special);
  }

  refusal(field: string): Refusal {
    return refusalOf('double precision', field);
  }
}

/**
 * float4: the nearest float to the nearest double is the nearest float, unless the double is exactly
 * between two of them. That is asked: only the decimal digits tell on which side they are.
 */
export class Float4Encoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const value = parseDecimal(bytes, start, end);
    const size = Math.abs(value);
    if (size >= LEAST_NORMAL_FLOAT) {
      if (isBetweenFloats(value)) return ASK;
      return Math.fround(size) === Infinity ? REFUSE : writeFloat(out, at, value);
    }
    if (size === 0) {
      return hasDigit(bytes, start, end) ? REFUSE : writeFloat(out, at, value);
    }
    if (size > 0) return size < NO_FLOAT ? REFUSE : ASK;
    const special = namedValue(bytes, start, end);
    return special === undefined
      ? judge(this, bytes, start, end, out, at)
      : writeFloat(out, at, special);
  }

  refusal(field: string): Refusal {
    return refusalOf('real', field);
  }
}

/** The bits of a double that a float lacks are a one and zeros. */
function isBetweenFloats(value: number): boolean {
  scratch[0] = value;
  return ((halves[LOW] as number) & 0x1fff_ffff) === 0x1000_0000;
}

function writeDouble(out: Buffer, at: number, value: number): number {
  scratch[0] = value;
  const p = writeShortLength(out, at, 8);
  return writeInt32(out, writeInt32(out, p, halves[HIGH] as number), halves[LOW] as number);
}

function writeFloat(out: Buffer, at: number, value: number): number {
  floatScratch[0] = value;
  return writeInt32(out, writeShortLength(out, at, 4), floatBits[0] as number);
}

/**
 * The double that is nearest to a decimal number; NaN when the bytes are anything else. Up to 15
 * digits are an integer that a double holds exactly; one multiplication or division by an exact power
 * of ten then rounds once, as it must. The rest is left to JavaScript's own, exact conversion.
 */
function parseDecimal(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  let p = first;
  let mantissa = 0;
  let digit: number;
  while (p < end && (digit = (bytes[p] as number) - ZERO) >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    p += 1;
  }
  let digits = p - first;
  let exponent = 0;
  if (p < end && bytes[p] === DOT) {
    const fraction = (p += 1);
    while (p < end && (digit = (bytes[p] as number) - ZERO) >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      p += 1;
    }
    digits += p - fraction;
    exponent = fraction - p;
  }
  if (digits === 0) return NaN;
  if (p < end) {
    const power = parseExponent(bytes, p, end);
    if (power !== power) return NaN;
    exponent += power;
  }
  // A zero before the point is none of them.
  if (bytes[first] === ZERO) digits -= 1;
  // Not `mantissa < 2 ** 53`: it may have been rounded to that.
  if (digits > EXACT_DIGITS || exponent > MOST_POWER || exponent < -MOST_POWER) {
    const isMiddling = digits <= MIDDLING_DIGITS && exponent < 0 && exponent >= -MOST_POWER;
    const value = isMiddling ? quotient(bytes, first, digits, -exponent) : NaN;
    if (value !== value) return Number(bytes.toString('latin1', start, end));
    return isNegative ? -value : value;
  }
  const value =
    exponent < 0
      ? mantissa / (POWERS[-exponent] as number)
      : mantissa * (POWERS[exponent] as number);
  return isNegative ? -value : value;
}

/** 2²⁷ + 1 splits a double into halves whose products are exact (Dekker). */
const SPLITTER = 134_217_729;
/** More than the error of the sum below, as a part of its last bit. */
const DOUBT = 1 + 2 ** -36;

/**
 * A number of 16 to 18 digits, divided by a power of ten: as doubles of full precision are written.
 * It is computed in two doubles, about 100 bits, and so rounded as it must be, unless it is about as
 * near to the next double. 2.6 times as fast as `Number`, which needs a string.
 *
 * @returns NaN when that is in doubt
 */
function quotient(bytes: Buffer, first: number, digits: number, power: number): number {
  // 9 digits times 10⁹ need 51 bits: a double holds the product.
  const lowerDigits = digits - UPPER_DIGITS;
  let upper = 0;
  let lower = 0;
  let left = digits;
  for (let p = bytes[first] === ZERO ? first + 1 : first; left > 0; p += 1) {
    const digit = (bytes[p] as number) - ZERO;
    if (digit < 0) continue; // the point
    if (left > lowerDigits) upper = upper * 10 + digit;
    else lower = lower * 10 + digit;
    left -= 1;
  }
  const product = upper * (POWERS[lowerDigits] as number);
  const high = product + lower;
  const low = lower - (high - product);
  const divisor = POWERS[power] as number;
  const estimate = high / divisor;
  // What is left of `high`, exactly.
  const a = highHalf(estimate);
  const b = highHalf(divisor);
  const c = estimate - a;
  const d = divisor - b;
  const back = estimate * divisor;
  const backLow = a * b - back + a * d + c * b + c * d;
  const rest = high - back - backLow + low;
  const correction = rest / divisor;
  const value = estimate + correction;
  const error = correction - (value - estimate);
  return value + error * DOUBT === value ? value : NaN;
}

function highHalf(value: number): number {
  const scaled = value * SPLITTER;
  return scaled - (scaled - value);
}

/** The value of `e`, a sign or none, and digits; NaN for anything else. */
function parseExponent(bytes: Buffer, start: number, end: number): number {
  // In either case.
  if (((bytes[start] as number) | 0x20) !== 0x65) return NaN;
  let p = start + 1;
  const isNegative = bytes[p] === MINUS;
  if (isNegative || bytes[p] === PLUS) p += 1;
  if (p >= end) return NaN;
  let value = 0;
  for (; p < end; p += 1) {
    const digit = (bytes[p] as number) - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/** Whether a number that has come to 0 has a digit other than 0, before its exponent. */
function hasDigit(bytes: Buffer, start: number, end: number): boolean {
  for (let p = start; p < end; p += 1) {
    const byte = bytes[p] as number;
    if (byte > ZERO && byte <= ZERO + 9) return true;
    if (byte > ZERO + 9) return false;
  }
  return false;
}

function namedValue(bytes: Buffer, start: number, end: number): number | undefined {
  if (isWord(bytes, start, end, 'NaN')) return NaN;
  if (isWord(bytes, start, end, 'Infinity')) return Infinity;
  return isWord(bytes, start, end, '-Infinity') ? -Infinity : undefined;
}

const PLAIN = /^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i;
const UNUSUAL = /^[ \t\n\v\f\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?[ \t\n\v\f\r]*$/i;
/** What the C library reads beside decimal numbers. */
const LIBRARY = /^[ \t\n\v\f\r]*[+-]?(?:nan|inf|0x)/i;
/** Before a fault there may be a number that is out of range, which is then what the server says. */
const PERHAPS_LARGE = /^[ \t\n\v\f\r]*[+-]?(?:[0-9.]+e|[0-9.]{30})/i;

function judge(
  encoder: FieldEncoder,
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  if (end - start > SLOW_BYTES) return ASK;
  const bare = encodeBareNumber(encoder, bytes, start, end, out, at);
  if (bare > 0) return bare;
  const text = bytes.toString('latin1', start, end);
  return UNUSUAL.test(text) || LIBRARY.test(text) || PERHAPS_LARGE.test(text) ? ASK : REFUSE;
}

function refusalOf(type: string, field: string): Refusal {
  if (!PLAIN.test(field)) return invalidSyntax(type, field);
  return { sqlstate: '22003', reason: `"${field}" is out of range for type ${type}` };
}
