import type { PlainPage } from './plain-page.ts';
import { type ColumnFields, ValueFault, type ValueWriter } from './value-writer.ts';

/** What numeric_send writes: four int16 (groups, weight, sign, scale) and the groups of four digits. */
const NEGATIVE = 0x4000;
const SPECIAL: Readonly<Record<number, string>> = {
  0xc000: 'NaN',
  0xd000: 'Infinity',
  0xf000: '-Infinity',
};
const DIGITS_AT = 8;
const GROUP_DIGITS = 4;
const GROUP = 10_000;
/** Digits that a double holds exactly, whatever they are. */
const DOUBLE_DIGITS = 15;
const TWO_32 = 0x1_0000_0000;

/** Bytes of a decimal in the file: 4 and 8 are integers, more a number of its own length. */
export function decimalLength(precision: number): number {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  let length = 9;
  while (1n << BigInt(8 * length - 1) < 10n ** BigInt(precision)) length += 1;
  return length;
}

/** numeric(p, s) as the integer value · 10ˢ, exactly. */
export class DecimalWriter implements ValueWriter {
  readonly #precision: number;
  readonly #length: number;
  readonly #scale: number;
  /** Above every value without its sign. */
  readonly #limit: number;
  /** Groups of four digits after the point; of the last of them only the first digits count. */
  readonly #groupsAfter: number;
  readonly #lastFactor: number;
  readonly #lastDivisor: number;

  constructor(precision: number, scale: number) {
    this.#precision = precision;
    this.#length = decimalLength(precision);
    this.#groupsAfter = Math.ceil(scale / GROUP_DIGITS);
    this.#lastFactor = 10 ** (scale - GROUP_DIGITS * (this.#groupsAfter - 1));
    this.#lastDivisor = GROUP / this.#lastFactor;
    this.#scale = scale;
    this.#limit = 10 ** precision;
  }

  write(fields: ColumnFields, page: PlainPage): void {
    const { bytes, starts, lengths, from, to } = fields;
    const length = this.#length;
    const out = page.reserve((to - from) * length);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const start = starts[i] as number;
      const sign = uint16(bytes, start + 4);
      const isNegative = sign === NEGATIVE;
      if (sign !== 0 && !isNegative) {
        throw new ValueFault(i, SPECIAL[sign] ?? 'a value', 'a decimal number');
      }
      if (this.#precision <= DOUBLE_DIGITS) {
        const size = this.#unscaled(bytes, start, i);
        writeInteger(out, at, isNegative ? -size : size, length);
      } else {
        const size = this.#unscaledBig(bytes, start, i);
        writeBigInteger(out, at, isNegative ? -size : size, length);
      }
      at += length;
    }
    page.length = at;
  }

  /** Without the sign; below 10¹⁵, so that each step is exact. */
  #unscaled(bytes: Buffer, start: number, index: number): number {
    const groups = uint16(bytes, start);
    const weight = (uint16(bytes, start + 2) << 16) >> 16;
    let value = 0;
    for (let exponent = weight; exponent >= -this.#groupsAfter; exponent -= 1) {
      const group = weight - exponent;
      const digits = group < groups ? uint16(bytes, start + DIGITS_AT + 2 * group) : 0;
      value =
        exponent === -this.#groupsAfter && exponent < 0
          ? value * this.#lastFactor + digits / this.#lastDivisor
          : value * GROUP + digits;
    }
    const isAll = groups <= weight + this.#groupsAfter + 1;
    if (!isAll || !Number.isInteger(value) || value >= this.#limit) throw this.#misfit(index);
    return value;
  }

  #unscaledBig(bytes: Buffer, start: number, index: number): bigint {
    const groups = uint16(bytes, start);
    const weight = (uint16(bytes, start + 2) << 16) >> 16;
    let value = 0n;
    for (let group = 0; group < groups; group += 1) {
      value = value * BigInt(GROUP) + BigInt(uint16(bytes, start + DIGITS_AT + 2 * group));
    }
    const shift = GROUP_DIGITS * (weight - groups + 1) + this.#scale;
    const factor = 10n ** BigInt(Math.abs(shift));
    const isExact = shift >= 0 || value % factor === 0n;
    value = shift >= 0 ? value * factor : value / factor;
    if (!isExact || value >= 10n ** BigInt(this.#precision)) throw this.#misfit(index);
    return value;
  }

  /** The server keeps to the limits of a column; this is for what it does not. */
  #misfit(index: number): ValueFault {
    return new ValueFault(index, 'a number', `within ${String(this.#precision)} digits`);
  }
}

/** As a column of whole bytes, the lowest first; for 4 and 8 of them. */
function writeInteger(out: Buffer, at: number, value: number, length: number): void {
  const high = Math.floor(value / TWO_32);
  const low = value - high * TWO_32;
  out[at] = low;
  out[at + 1] = low >>> 8;
  out[at + 2] = low >>> 16;
  out[at + 3] = low >>> 24;
  if (length === 4) return;
  out[at + 4] = high;
  out[at + 5] = high >>> 8;
  out[at + 6] = high >>> 16;
  out[at + 7] = high >>> 24;
}

/** Integers begin with the lowest byte, longer numbers with the highest. */
function writeBigInteger(out: Buffer, at: number, value: bigint, length: number): void {
  if (length === 8) {
    out.writeBigInt64LE(value, at);
    return;
  }
  let rest = value;
  for (let p = at + length - 1; p >= at; p -= 1) {
    out[p] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function uint16(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
