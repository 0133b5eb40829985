import { isUtf8 } from 'node:buffer';

/** Blocks in which a fault is looked for; small enough that walking one is quick. */
const BLOCK_BYTES = 4096;

/**
 * The offset of the first byte that cannot belong to valid UTF-8, or -1. Native code judges the
 * whole; only a fault is looked for here.
 *
 * @param final false when more bytes follow: a character cut off at the end is no fault then
 */
export function invalidUtf8At(bytes: Buffer, final: boolean): number {
  const end = final ? bytes.length : bytes.length - cutOffBytes(bytes);
  if (isUtf8(bytes.subarray(0, end))) return -1;
  let from = 0;
  for (;;) {
    const to = characterStart(bytes, Math.min(from + BLOCK_BYTES, end), from, end);
    if (!isUtf8(bytes.subarray(from, to))) return firstFault(bytes, from, to);
    from = to;
  }
}

/** Walks character by character from a place that is known to be good. */
function firstFault(bytes: Buffer, from: number, to: number): number {
  let p = from;
  for (;;) {
    const length = sequenceLength(bytes[p] ?? 0);
    if (length === 0 || p + length > to || !isUtf8(bytes.subarray(p, p + length))) return p;
    p += length;
  }
}

/** The nearest place at or before `at` where a character begins; never `floor` itself. */
function characterStart(bytes: Buffer, at: number, floor: number, end: number): number {
  if (at === end) return end;
  for (let p = at; p > Math.max(floor, at - 4); p -= 1) {
    if (((bytes[p] ?? 0) & 0xc0) !== 0x80) return p;
  }
  // Four continuation bytes in a row are a fault anyway.
  return at;
}

/** How many bytes at the end begin a character that is not complete. */
function cutOffBytes(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

/** Bytes of the character that a byte begins; 0 for a byte that begins none. */
function sequenceLength(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  return byte >= 0xf0 && byte < 0xf5 ? 4 : 0;
}
