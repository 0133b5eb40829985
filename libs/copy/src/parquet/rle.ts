import { invalid } from './parquet-fault.ts';

/**
 * Decodes runs and bit-packed groups, which levels, indexes and booleans are written as.
 *
 * Source: apache/parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid".
 *
 * @returns the byte after them
 * @throws ParquetFault when there are fewer than `count`
 */
export function decodeRuns(
  bytes: Uint8Array,
  start: number,
  end: number,
  bitWidth: number,
  out: Int32Array | Uint8Array,
  count: number,
): number {
  let at = start;
  let done = 0;
  const valueBytes = (bitWidth + 7) >>> 3;
  while (done < count) {
    let head = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 28) throw invalid('a page has fewer values than it says');
      const byte = bytes[at] as number;
      at += 1;
      head |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    head >>>= 0;
    if ((head & 1) === 0) {
      const run = Math.min(head >>> 1, count - done);
      if (at + valueBytes > end) throw invalid('a page has fewer values than it says');
      let value = 0;
      for (let i = 0; i < valueBytes; i += 1) value |= (bytes[at + i] as number) << (8 * i);
      at += valueBytes;
      out.fill(value, done, done + run);
      done += run;
    } else {
      const packed = (head >>> 1) * 8;
      const take = Math.min(packed, count - done);
      const packedBytes = (head >>> 1) * bitWidth;
      // The last group may be cut off where its values end.
      if (at + Math.ceil((take * bitWidth) / 8) > end) {
        throw invalid('a page has fewer values than it says');
      }
      unpack(bytes, at, bitWidth, out, done, take);
      at = Math.min(at + packedBytes, end);
      done += take;
    }
  }
  return at;
}

/** Values of `bitWidth` bits each, from the lowest bit of a byte. */
function unpack(
  bytes: Uint8Array,
  start: number,
  bitWidth: number,
  out: Int32Array | Uint8Array,
  to: number,
  count: number,
): void {
  if (bitWidth === 0) {
    out.fill(0, to, to + count);
    return;
  }
  const mask = bitWidth === 32 ? -1 : (1 << bitWidth) - 1;
  let at = start;
  let bits = 0;
  let held = 0;
  if (bitWidth <= 24) {
    for (let i = 0; i < count; i += 1) {
      while (held < bitWidth) {
        bits |= (bytes[at] as number) << held;
        at += 1;
        held += 8;
      }
      out[to + i] = bits & mask;
      bits >>>= bitWidth;
      held -= bitWidth;
    }
    return;
  }
  for (let i = 0; i < count; i += 1) {
    // Up to 39 bits are held, which a double takes.
    while (held < bitWidth) {
      bits += (bytes[at] as number) * 2 ** held;
      at += 1;
      held += 8;
    }
    const unit = 2 ** bitWidth;
    out[to + i] = (bits % unit) | 0;
    bits = Math.floor(bits / unit);
    held -= bitWidth;
  }
}
