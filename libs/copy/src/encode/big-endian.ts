/**
 * Integers in network order, byte by byte: as fast as a DataView, which each buffer would need one of,
 * and without the checks of `writeInt32BE`.
 */
export function writeInt32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

export function writeInt16(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 8;
  out[at + 1] = value;
  return at + 2;
}

/** The length of a field that has less than 128 bytes, as all but the long types have. */
export function writeShortLength(out: Buffer, at: number, length: number): number {
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = 0;
  out[at + 3] = length;
  return at + 4;
}

const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** An int64 field of an integer within ±2⁵³, which a double holds exactly. */
export function writeInt64Field(out: Buffer, at: number, value: number): number {
  const p = writeShortLength(out, at, 8);
  // Two's complement of the pair comes by itself: the floor of a negative number is its high half.
  const high = Math.floor(value / TWO_32);
  return writeInt32(out, writeInt32(out, p, high), value - high * TWO_32);
}

/**
 * The int64 field `factor · unit + rest`, for values that no double holds: below 2³⁴ in size, 2³⁰ and
 * 2⁴⁷. In base 2¹⁶ each step stays below 2⁵³; a bigint would take twenty times as long.
 */
export function writeInt64ProductField(
  out: Buffer,
  at: number,
  factor: number,
  unit: number,
  rest: number,
): number {
  const factorHigh = Math.floor(factor / TWO_16);
  const upper = factorHigh * unit;
  const lower = (factor - factorHigh * TWO_16) * unit + rest;
  const upperHigh = Math.floor(upper / TWO_16);
  const low = (upper - upperHigh * TWO_16) * TWO_16 + lower;
  const carry = Math.floor(low / TWO_32);
  const p = writeInt32(out, writeShortLength(out, at, 8), upperHigh + carry);
  return writeInt32(out, p, low - carry * TWO_32);
}
