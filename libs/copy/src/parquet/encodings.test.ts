import { expect, it } from 'vitest';

import { deltaIntegers } from './encodings.ts';

const MASK = (1n << 64n) - 1n;
const BLOCK = 128;
const MINIBLOCKS = 4;

/** As the format has it, with as many bits for each miniblock as it needs. */
function deltaPacked(values: readonly bigint[]): Buffer {
  const out: number[] = [];
  const varint = (value: bigint): void => {
    let left = value & MASK;
    for (; left >= 0x80n; left >>= 7n) out.push(Number(left & 0x7fn) | 0x80);
    out.push(Number(left));
  };
  const zigzag = (value: bigint): void => {
    varint((value << 1n) ^ (value >> 63n));
  };
  for (const number of [BLOCK, MINIBLOCKS, values.length]) varint(BigInt(number));
  zigzag(values[0] ?? 0n);
  for (let at = 1; at < values.length; at += BLOCK) {
    const deltas = values
      .slice(at, at + BLOCK)
      .map((value, i) => BigInt.asIntN(64, value - (values[at + i - 1] as bigint)));
    const least = deltas.reduce((a, b) => (a < b ? a : b));
    zigzag(least);
    const rest = deltas.map((delta) => (delta - least) & MASK);
    const size = BLOCK / MINIBLOCKS;
    const parts = Array.from({ length: MINIBLOCKS }, (_, m) =>
      rest.slice(m * size, (m + 1) * size),
    );
    const widths = parts.map((part) =>
      part.reduce((most, each) => Math.max(most, each.toString(2).length), 0),
    );
    out.push(...widths);
    for (const [m, part] of parts.entries()) {
      if (part.length === 0) continue;
      const width = widths[m] ?? 0;
      let bits = 0n;
      for (let i = 0; i < size; i += 1) bits |= (part[i] ?? 0n) << BigInt(i * width);
      for (let i = 0; i < (size * width) / 8; i += 1)
        out.push(Number((bits >> BigInt(8 * i)) & 0xffn));
    }
  }
  return Buffer.from(out);
}

it('integers that are packed as differences come back, whatever their size', () => {
  let seed = 1n;
  const random = (): bigint => (seed = (seed * 6364136223846793005n + 1442695040888963407n) & MASK);
  for (let bits = 1n; bits <= 64n; bits += 1n) {
    const values = Array.from({ length: 300 }, () => BigInt.asIntN(64, random() >> (64n - bits)));
    if (bits === 64n) values.push(-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n);
    const packed = deltaPacked(values);
    const { out, end } = deltaIntegers(packed, 0, 8, values.length);
    expect(end).toBe(packed.length);
    expect(values.map((_, i) => out.readBigInt64LE(i * 8))).toEqual(values);
  }
});
