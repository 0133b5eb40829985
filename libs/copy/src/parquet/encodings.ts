import { invalid } from './parquet-fault.ts';
import type { Values } from './values.ts';

const LENGTH_BYTES = 4;

/** Texts and bytes, each behind its length. */
export function byteArrays(bytes: Buffer, from: number, count: number): Values {
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let at = from;
  for (let i = 0; i < count; i += 1) {
    const start = at + LENGTH_BYTES;
    if (start > bytes.length) throw tooFew();
    const length =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    at = start + length;
    if (length < 0 || at > bytes.length) throw invalid('a value is longer than its page');
    starts[i] = start;
    ends[i] = at;
  }
  return { count, bytes, base: 0, width: 0, starts, ends };
}

/**
 * Integers as differences, packed in blocks.
 *
 * Source: apache/parquet-format, Encodings.md, "Delta Encoding (DELTA_BINARY_PACKED = 5)".
 *
 * @param width bytes of a value; what overflows wraps around, as the format has it
 * @returns the values, little endian, and the byte after them
 */
export function deltaIntegers(
  bytes: Buffer,
  from: number,
  width: number,
  count: number,
): { readonly out: Buffer; readonly end: number } {
  const reader = new BitReader(bytes, from);
  const blockSize = reader.count();
  const miniblocks = reader.count();
  const total = reader.count();
  if (total !== count) throw invalid(`a page has ${String(total)} values, not ${String(count)}`);
  const size = miniblocks === 0 ? 0 : blockSize / miniblocks;
  if (blockSize > 2 ** 24 || !Number.isInteger(size) || size % 8 !== 0 || size === 0) {
    throw invalid('a page has blocks of an impossible size');
  }
  const out = Buffer.allocUnsafe(count * width);
  reader.zigzag();
  let { low, high } = reader;
  const put = (i: number): void => {
    out.writeInt32LE(low, i * width);
    if (width === 8) out.writeInt32LE(high, i * width + 4);
  };
  if (count > 0) put(0);
  for (let done = 1; done < count;) {
    reader.zigzag();
    const [leastLow, leastHigh] = [reader.low >>> 0, reader.high];
    const widths = reader.take(miniblocks);
    for (let m = 0; m < miniblocks && done < count; m += 1) {
      const bits = widths[m] as number;
      if (bits > 64) throw invalid('a page has values of more than 64 bits');
      reader.need(Math.ceil((Math.min(size, count - done) * bits) / 8));
      const end = reader.at + (size * bits) / 8;
      reader.align();
      for (let i = 0; i < size && done < count; i += 1, done += 1) {
        reader.bits(bits);
        const sum = (low >>> 0) + leastLow + (reader.low >>> 0);
        low = sum | 0;
        high = (high + leastHigh + reader.high + Math.floor(sum / TWO_32)) | 0;
        put(done);
      }
      reader.at = Math.min(end, bytes.length);
    }
  }
  return { out, end: reader.at };
}

/** All lengths, then all bytes. */
export function deltaLengths(bytes: Buffer, from: number, count: number): Values {
  const { out: lengths, end } = deltaIntegers(bytes, from, 4, count);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let at = end;
  for (let i = 0; i < count; i += 1) {
    const length = lengths.readInt32LE(i * 4);
    starts[i] = at;
    at += length;
    if (length < 0 || at > bytes.length) throw invalid('a value is longer than its page');
    ends[i] = at;
  }
  return { count, bytes, base: 0, width: 0, starts, ends };
}

/** Larger than any page: prefixes that repeat what is there make much of little. */
const MAX_DELTA_BYTES = 512 * 1024 * 1024;

/** Each value as the length of what it shares with the one before it, and the rest. */
export function deltaBytes(bytes: Buffer, from: number, count: number): Values {
  const { out: prefixes, end } = deltaIntegers(bytes, from, 4, count);
  const suffixes = deltaLengths(bytes, end, count);
  let total = 0;
  let before = 0;
  for (let i = 0; i < count; i += 1) {
    const prefix = prefixes.readInt32LE(i * 4);
    if (prefix < 0 || prefix > before) throw invalid('a value repeats more than there is');
    before = prefix + (suffixes.ends[i] as number) - (suffixes.starts[i] as number);
    total += before;
    if (total > MAX_DELTA_BYTES) throw invalid('a page has too many bytes when it is decoded');
  }
  const out = Buffer.allocUnsafe(total);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const prefix = prefixes.readInt32LE(i * 4);
    const last = i === 0 ? 0 : (starts[i - 1] as number);
    starts[i] = at;
    at += out.copy(out, at, last, last + prefix);
    at += bytes.copy(out, at, suffixes.starts[i], suffixes.ends[i]);
    ends[i] = at;
  }
  return { count, bytes: out, base: 0, width: 0, starts, ends };
}

/** The first bytes of all values, then the second ones, and so on. */
export function splitStreams(bytes: Buffer, at: number, width: number, count: number): Buffer {
  if (at + width * count > bytes.length) throw tooFew();
  const out = Buffer.allocUnsafe(width * count);
  for (let b = 0; b < width; b += 1) {
    const stream = at + b * count;
    for (let i = 0; i < count; i += 1) out[i * width + b] = bytes[stream + i] as number;
  }
  return out;
}

function tooFew(): Error {
  return invalid('a page has fewer values than it says');
}

const TWO_32 = 2 ** 32;

/**
 * Numbers of any number of bits, the lowest bit first. Those of 64 bits come as two halves: that is faster
 * than BigInt, and Node 20 dies of it, where its compiler has such a loop to optimise
 * (`RepresentationChangerError: … (UnsignedBigInt64) cannot be changed to kRepWord64`).
 */
class BitReader {
  at: number;
  /** Of the last number; as signed 32 bits. */
  low = 0;
  high = 0;
  readonly #bytes: Buffer;
  #held = 0;
  #heldBits = 0;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  count(): number {
    this.#varint();
    if (this.high !== 0 || this.low < 0) throw invalid('a page has an impossible number');
    return this.low;
  }

  /** A signed number: 0, -1, 1, -2 and so on. */
  zigzag(): void {
    this.#varint();
    const sign = -(this.low & 1);
    this.low = ((this.low >>> 1) | (this.high << 31)) ^ sign;
    this.high = (this.high >>> 1) ^ sign;
  }

  need(bytes: number): void {
    if (this.at + bytes > this.#bytes.length) throw tooFew();
  }

  take(count: number): Buffer {
    this.need(count);
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  align(): void {
    this.#held = 0;
    this.#heldBits = 0;
  }

  bits(count: number): void {
    this.low = this.#few(Math.min(count, 32)) | 0;
    this.high = count > 32 ? this.#few(count - 32) | 0 : 0;
  }

  /** At most 32 bits; up to 39 are held, which a double takes. */
  #few(count: number): number {
    while (this.#heldBits < count) {
      this.#held += (this.#bytes[this.at] as number) * 2 ** this.#heldBits;
      this.at += 1;
      this.#heldBits += 8;
    }
    const unit = 2 ** count;
    const value = this.#held % unit;
    this.#held = Math.floor(this.#held / unit);
    this.#heldBits -= count;
    return value;
  }

  #varint(): void {
    this.low = this.high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      this.need(1);
      const byte = this.#bytes[this.at] as number;
      this.at += 1;
      const part = byte & 0x7f;
      if (shift < 32) this.low |= part << shift;
      if (shift === 28) this.high = part >>> 4;
      else if (shift > 28) this.high |= part << (shift - 32);
      if (byte < 0x80) return;
    }
    throw invalid('a page has an impossible number');
  }
}
