import { invalidSyntax, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';
import { writeShortLength } from './big-endian.ts';
import { afterSpace, beforeSpace } from './padding.ts';

const ONE = 0x31;
const ZERO = 0x30;
const LOWER_T = 0x74;
const LOWER_F = 0x66;

/** Every prefix of these in any case, as `parse_bool_with_len` has it; "o" alone could be two. */
const TRUE = /^(?:t(?:r(?:ue?)?)?|y(?:es?)?|on|1)$/i;
const FALSE = /^(?:f(?:a(?:l(?:se?)?)?)?|no?|off?|0)$/i;
const LONGEST = 5;

export class BoolEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    let value = -1;
    const length = end - start;
    const first = bytes[start];
    if (length === 1) {
      if (first === LOWER_T || first === ONE) value = 1;
      else if (first === LOWER_F || first === ZERO) value = 0;
    } else if (length === 4 && isTrue(bytes, start)) value = 1;
    else if (length === 5 && isFalse(bytes, start)) value = 0;
    if (value < 0) {
      value = otherSpelling(bytes, start, end);
      if (value < 0) return value;
    }
    const p = writeShortLength(out, at, 1);
    out[p] = value;
    return p + 1;
  }

  refusal(field: string): Refusal {
    return invalidSyntax('boolean', field);
  }
}

function isTrue(bytes: Buffer, p: number): boolean {
  return (
    bytes[p] === LOWER_T && bytes[p + 1] === 0x72 && bytes[p + 2] === 0x75 && bytes[p + 3] === 0x65
  );
}

function isFalse(bytes: Buffer, p: number): boolean {
  return (
    bytes[p] === LOWER_F &&
    bytes[p + 1] === 0x61 &&
    bytes[p + 2] === 0x6c &&
    bytes[p + 3] === 0x73 &&
    bytes[p + 4] === 0x65
  );
}

/** @returns 0, 1 or REFUSE */
function otherSpelling(bytes: Buffer, start: number, end: number): number {
  const first = afterSpace(bytes, start, end);
  const last = beforeSpace(bytes, first, end);
  if (last - first > LONGEST) return REFUSE;
  const text = bytes.toString('latin1', first, last);
  if (TRUE.test(text)) return 1;
  return FALSE.test(text) ? 0 : REFUSE;
}
