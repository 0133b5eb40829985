import { MINUS, ZERO } from './ascii.ts';
import {
  writeInt16,
  writeInt32,
  writeInt64Field,
  writeInt64ProductField,
  writeShortLength,
} from './big-endian.ts';
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
/** Digits of the largest int8. */
const INT8_DIGITS = 19;
/** Digits below the upper part of a longer int8. */
const LOWER_DIGITS = 9;
const LOWER_UNIT = 1e9;
/** 2⁶³ - 1, in two parts. */
const MOST_UPPER = 9_223_372_036;
const MOST_LOWER = 854_775_807;
const TWO_31 = 0x8000_0000;

/** What the integer types differ in. */
interface IntegerType {
  readonly name: string;
  /** 2 to the number of bits, less the sign: the absolute value of the smallest one. */
  readonly limit: bigint;
}

const INT2: IntegerType = { name: 'smallint', limit: 2n ** 15n };
const INT4: IntegerType = { name: 'integer', limit: 2n ** 31n };
const INT8: IntegerType = { name: 'bigint', limit: 2n ** 63n };

abstract class IntegerEncoder implements FieldEncoder {
  readonly #type: IntegerType;
  readonly #grammar: RegExp;
  readonly #isModern: boolean;
  /** So far the digits before a fault are read: a larger number is out of range, fault or not. */
  readonly #readLimit: bigint;

  constructor(type: IntegerType, serverVersion: number) {
    this.#type = type;
    this.#isModern = serverVersion >= 160_000;
    this.#grammar = this.#isModern ? MODERN_GRAMMAR : GRAMMAR;
    this.#readLimit = this.#isModern ? type.limit + 1n : type.limit;
  }

  abstract encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number;

  /** What is no short row of digits: one with something around it, or rare, so that it may be a string. */
  protected judge(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    if (end - start > SLOW_BYTES) return ASK;
    const bare = encodeBareNumber(this, bytes, start, end, out, at);
    if (bare > 0) return bare;
    const text = bytes.toString('latin1', start, end);
    if (!this.#grammar.test(text)) {
      return this.#isModern && MAYBE_MODERN.test(text) ? ASK : REFUSE;
    }
    if (!PLAIN.test(text)) return ASK;
    const value = BigInt(text);
    const { limit } = this.#type;
    return value >= limit || value < -limit ? REFUSE : ASK;
  }

  refusal(field: string): Refusal {
    const { name } = this.#type;
    const digits = LEADING_DIGITS.exec(field);
    const fits = digits === null || BigInt(digits[1] ?? '') <= this.#readLimit;
    if (fits && !PLAIN.test(field)) return invalidSyntax(name, field);
    return { sqlstate: '22003', reason: `value "${field}" is out of range for type ${name}` };
  }
}

const PLAIN = /^-?[0-9]+$/;
const LEADING_DIGITS = /^[ \t\n\v\f\r]*[+-]?([0-9]+)/;
/** The server's grammar, `pg_strtoint32`: white space, sign, digits. */
const GRAMMAR = /^[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*$/;
/** Since version 16. */
const MODERN_GRAMMAR =
  /^[ \t\n\v\f\r]*[+-]?(?:[0-9]+(?:_[0-9]+)*|0x(?:_?[0-9a-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+)[ \t\n\v\f\r]*$/i;
/** Where more than one thing is wrong, it takes the server to say which one it says. */
const MAYBE_MODERN = /_|0[box]/i;

export class Int2Encoder extends IntegerEncoder {
  constructor(serverVersion: number) {
    super(INT2, serverVersion);
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const value = smallInteger(bytes, start, end);
    if (!(value >= -0x8000 && value <= 0x7fff)) return this.judge(bytes, start, end, out, at);
    return writeInt16(out, writeShortLength(out, at, 2), value);
  }
}

export class Int4Encoder extends IntegerEncoder {
  constructor(serverVersion: number) {
    super(INT4, serverVersion);
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const value = smallInteger(bytes, start, end);
    if (!(value >= -TWO_31 && value < TWO_31)) return this.judge(bytes, start, end, out, at);
    return writeInt32(out, writeShortLength(out, at, 4), value);
  }
}

export class Int8Encoder extends IntegerEncoder {
  constructor(serverVersion: number) {
    super(INT8, serverVersion);
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const value = smallInteger(bytes, start, end);
    if (value === value) return writeInt64Field(out, at, value);
    const p = writeLongInteger(bytes, start, end, out, at);
    return p > 0 ? p : this.judge(bytes, start, end, out, at);
  }
}

/** The value of a sign and up to 15 digits; NaN for anything else. */
function smallInteger(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === MINUS;
  let p = negative ? start + 1 : start;
  const length = end - p;
  if (length > EXACT_DIGITS || length <= 0) return NaN;
  let value = 0;
  if (length <= LOWER_DIGITS) {
    // Small integers are a good deal faster than doubles.
    let small = 0;
    for (; p < end; p += 1) {
      const digit = (bytes[p] as number) - ZERO;
      if (digit < 0 || digit > 9) return NaN;
      small = (small * 10 + digit) | 0;
    }
    return negative ? -small : small;
  }
  for (; p < end; p += 1) {
    const digit = (bytes[p] as number) - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** An int8 of 16 to 19 digits, by two doubles instead of a bigint. @returns -1 when it is none */
function writeLongInteger(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  const negative = bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  const length = end - first;
  if (length <= EXACT_DIGITS || length > INT8_DIGITS) return -1;
  const upper = digitsValue(bytes, first, end - LOWER_DIGITS);
  const lower = digitsValue(bytes, end - LOWER_DIGITS, end);
  if (!(upper >= 0 && lower >= 0)) return -1;
  if (upper > MOST_UPPER) return -1;
  if (upper === MOST_UPPER && lower > (negative ? MOST_LOWER + 1 : MOST_LOWER)) return -1;
  return negative
    ? writeInt64ProductField(out, at, -upper, LOWER_UNIT, -lower)
    : writeInt64ProductField(out, at, upper, LOWER_UNIT, lower);
}

/** The value of digits, at least one; NaN when there is anything else. */
function digitsValue(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let p = start; p < end; p += 1) {
    const digit = (bytes[p] as number) - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}
