import { DOT, PLUS, SPACE, ZERO } from './ascii.ts';
import { ASK, type FieldEncoder } from './field-encoder.ts';

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;

/**
 * What the server skips around numbers and booleans: white space, as `isspace` of the C library has it
 * for ASCII, and a plus sign before a number. Files with columns of fixed width are full of it. Each
 * function leaves a field as it is that has none, or nothing else.
 */

/** Where the value begins behind white space. */
export function afterSpace(bytes: Buffer, start: number, end: number): number {
  let p = start;
  while (p < end && isSpace(bytes[p] as number)) p += 1;
  return p < end ? p : start;
}

/** Where the value ends before white space. */
export function beforeSpace(bytes: Buffer, start: number, end: number): number {
  let p = end;
  while (p > start && isSpace(bytes[p - 1] as number)) p -= 1;
  return p > start ? p : end;
}

/**
 * Encodes what is left of a field without what the server skips around a number.
 *
 * @returns ASK when there is nothing to leave out, and for what the encoder does not accept: it has to
 *   judge the field as it stands
 */
export function encodeBareNumber(
  encoder: FieldEncoder,
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  const first = numberStart(bytes, start, end);
  const last = beforeSpace(bytes, first, end);
  if (last - first === end - start) return ASK;
  const p = encoder.encode(bytes, first, last, out, at);
  return p > 0 ? p : ASK;
}

/** Where a number's digits, or its minus sign, begin behind white space and a plus sign. */
function numberStart(bytes: Buffer, start: number, end: number): number {
  const p = afterSpace(bytes, start, end);
  if (bytes[p] !== PLUS || p + 1 >= end) return p;
  const next = bytes[p + 1] as number;
  return next === DOT || (next >= ZERO && next <= ZERO + 9) ? p + 1 : p;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN);
}
