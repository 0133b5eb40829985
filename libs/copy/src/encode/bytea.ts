import { BACKSLASH, ZERO } from './ascii.ts';
import { writeInt32 } from './big-endian.ts';
import { ASK, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';
import { HEX_VALUE } from './hex.ts';

const LOWER_X = 0x78;
/** White space, which is allowed between hexadecimal digits, and other control characters. */
const HIGHEST_BLANK = 0x20;
const FIRST_NON_ASCII = 0x80;

/** bytea in both of its spellings: `\x` and hexadecimal digits, or bytes with escapes. */
export class ByteaEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const isHex = bytes[start] === BACKSLASH && bytes[start + 1] === LOWER_X && end - start >= 2;
    const q = isHex
      ? writeHex(bytes, start + 2, end, out, at + 4)
      : writeEscaped(bytes, start, end, out, at + 4);
    if (q > 0) writeInt32(out, at, q - at - 4);
    return q;
  }

  refusal(field: string): Refusal {
    if (!field.startsWith('\\x')) {
      return { sqlstate: '22P02', reason: 'invalid input syntax for type bytea' };
    }
    const fault = /[^0-9a-f]/i.exec(field.slice(2));
    const reason =
      fault === null
        ? 'invalid hexadecimal data: odd number of digits'
        : `invalid hexadecimal digit: "${fault[0]}"`;
    return { sqlstate: '22023', reason };
  }
}

/** @returns the position after the value, ASK or REFUSE */
function writeHex(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  const even = end - ((end - start) & 1);
  let q = at;
  for (let p = start; p < even; p += 2) {
    const value =
      ((HEX_VALUE[bytes[p] as number] as number) << 4) |
      (HEX_VALUE[bytes[p + 1] as number] as number);
    if (value < 0) return hexFault(bytes, p, end);
    out[q] = value;
    q += 1;
  }
  return even === end ? q : hexFault(bytes, even, end);
}

/** A blank may be allowed, and how more than ASCII is quoted depends on the version. */
function hexFault(bytes: Buffer, start: number, end: number): number {
  for (let p = start; p < end; p += 1) {
    const byte = bytes[p] as number;
    if ((HEX_VALUE[byte] as number) < 0) {
      return byte <= HIGHEST_BLANK || byte >= FIRST_NON_ASCII ? ASK : REFUSE;
    }
  }
  return REFUSE;
}

/** @returns the position after the value, ASK or REFUSE */
function writeEscaped(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let q = at;
  for (let p = start; p < end; p += 1) {
    let byte = bytes[p] as number;
    // Its bytes depend on the encoding of the database.
    if (byte >= FIRST_NON_ASCII) return ASK;
    if (byte === BACKSLASH) {
      if (p + 1 < end && bytes[p + 1] === BACKSLASH) {
        p += 1;
      } else {
        byte = octal(bytes, p + 1, end);
        if (byte < 0) return REFUSE;
        p += 3;
      }
    }
    out[q] = byte;
    q += 1;
  }
  return q;
}

/** The value of three octal digits that make a byte; -1 for anything else. */
function octal(bytes: Buffer, p: number, end: number): number {
  if (p + 3 > end) return -1;
  const high = (bytes[p] as number) - ZERO;
  const middle = (bytes[p + 1] as number) - ZERO;
  const low = (bytes[p + 2] as number) - ZERO;
  if (high >>> 0 > 3 || middle >>> 0 > 7 || low >>> 0 > 7) return -1;
  return (high << 6) | (middle << 3) | low;
}
