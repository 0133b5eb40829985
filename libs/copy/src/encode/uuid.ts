import { MINUS } from './ascii.ts';
import { writeShortLength } from './big-endian.ts';
import {
  ASK,
  invalidSyntax,
  REFUSE,
  SLOW_BYTES,
  type FieldEncoder,
  type Refusal,
} from './field-encoder.ts';
import { HEX_VALUE } from './hex.ts';

const TEXT_BYTES = 36;
const UUID_BYTES = 16;

/** uuid: 8-4-4-4-12 hexadecimal digits in either case. */
export class UuidEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    if (
      end - start !== TEXT_BYTES ||
      bytes[start + 8] !== MINUS ||
      bytes[start + 13] !== MINUS ||
      bytes[start + 18] !== MINUS ||
      bytes[start + 23] !== MINUS
    ) {
      return judge(bytes, start, end);
    }
    const q = writeShortLength(out, at, UUID_BYTES);
    // Negative as soon as one digit is none.
    const sum =
      writeHex(bytes, start, 4, out, q) |
      writeHex(bytes, start + 9, 2, out, q + 4) |
      writeHex(bytes, start + 14, 2, out, q + 6) |
      writeHex(bytes, start + 19, 2, out, q + 8) |
      writeHex(bytes, start + 24, 6, out, q + 10);
    return sum < 0 ? REFUSE : q + UUID_BYTES;
  }

  refusal(field: string): Refusal {
    return invalidSyntax('uuid', field);
  }
}

/** Writes so many bytes of twice as many digits; negative when there is anything else. */
function writeHex(bytes: Buffer, start: number, count: number, out: Buffer, at: number): number {
  let sum = 0;
  for (let i = 0, p = start; i < count; i += 1, p += 2) {
    const value =
      ((HEX_VALUE[bytes[p] as number] as number) << 4) |
      (HEX_VALUE[bytes[p + 1] as number] as number);
    out[at + i] = value;
    sum |= value;
  }
  return sum;
}

/** The server's grammar: braces, and a hyphen behind any group of four digits but the last. */
const GRAMMAR = /^(?:\{(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}\}|(?:[0-9a-f]{4}-?){7}[0-9a-f]{4})$/i;

function judge(bytes: Buffer, start: number, end: number): number {
  if (end - start > SLOW_BYTES) return ASK;
  return GRAMMAR.test(bytes.toString('latin1', start, end)) ? ASK : REFUSE;
}
