import { BACKSLASH, DOT, MINUS, PLUS, SPACE, ZERO } from './ascii.ts';
import { ASK, REFUSE } from './field-encoder.ts';
import { HEX_VALUE } from './hex.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COLON = 0x3a;

/** Deeper nesting is asked: how much the server takes depends on its `max_stack_depth`. */
const DEEPEST = 100;
/** What a number may have in jsonb, where it becomes a numeric; longer ones are asked. */
const MOST_DIGITS = 1000;
const MOST_EXPONENT_DIGITS = 2;

/** Bytes that end the plain part of a string: quote, backslash, control characters. */
const STRING_STOPS = new Uint8Array(256).fill(1, 0, SPACE);
STRING_STOPS[QUOTE] = 1;
STRING_STOPS[BACKSLASH] = 1;
/** What may follow a backslash, except u. */
const ESCAPED = new Uint8Array(256);
for (const character of '"\\/bfnrt') ESCAPED[character.charCodeAt(0)] = 1;
const LOWER_U = 0x75;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** The containers around the current place, by their closing bytes. */
const closers = new Uint8Array(DEEPEST);

/**
 * Whether bytes are JSON (RFC 8259, which is what the server reads), in one pass without recursion.
 *
 * @param isBinary for jsonb: its strings are stored unescaped, its numbers as numeric, so some that
 *   are valid JSON are not valid there, and are asked
 * @returns 0 when they are, REFUSE when they are not, ASK where that is not all
 */
export function checkJson(bytes: Buffer, start: number, end: number, isBinary: boolean): number {
  const p = skipValue(bytes, skipBlanks(bytes, start, end), end, isBinary);
  if (p < 0) return p;
  return skipBlanks(bytes, p, end) === end ? 0 : REFUSE;
}

/** Over a value that begins at `start`. @returns the place behind it; REFUSE or ASK as `checkJson` */
export function skipValue(bytes: Buffer, start: number, end: number, isBinary: boolean): number {
  let depth = 0;
  let p = start;
  for (;;) {
    // A value begins here.
    if (p >= end) return REFUSE;
    const byte = bytes[p] as number;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === DEEPEST) return ASK;
      // In ASCII the closing one is the second after the opening one.
      closers[depth] = byte + 2;
      depth += 1;
      p = skipBlanks(bytes, p + 1, end);
      if (p >= end) return REFUSE;
      if (bytes[p] !== byte + 2) {
        if (byte === OPEN_OBJECT) p = skipKey(bytes, p, end, isBinary);
        if (p < 0) return p;
        continue;
      }
      // Empty: its end is read below.
    } else {
      p = skipScalar(bytes, p, end, isBinary);
      if (p < 0) return p;
    }
    // A value has ended here, or an empty container is about to.
    for (;;) {
      if (depth === 0) return p;
      p = skipBlanks(bytes, p, end);
      if (p >= end) return REFUSE;
      const next = bytes[p] as number;
      const closer = closers[depth - 1] as number;
      if (next === closer) {
        depth -= 1;
        p += 1;
        continue;
      }
      if (next !== COMMA) return REFUSE;
      p = skipBlanks(bytes, p + 1, end);
      if (closer === CLOSE_OBJECT) p = skipKey(bytes, p, end, isBinary);
      if (p < 0) return p;
      break;
    }
  }
}

/** Over JSON's white space. */
export function skipBlanks(bytes: Buffer, start: number, end: number): number {
  let p = start;
  for (; p < end; p += 1) {
    const byte = bytes[p] as number;
    if (byte > SPACE || (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
  }
  return p;
}

/** Over a key and its colon, to the value. */
function skipKey(bytes: Buffer, start: number, end: number, isBinary: boolean): number {
  if (start >= end || bytes[start] !== QUOTE) return REFUSE;
  let p = skipString(bytes, start, end, isBinary);
  if (p < 0) return p;
  p = skipBlanks(bytes, p, end);
  if (p >= end || bytes[p] !== COLON) return REFUSE;
  return skipBlanks(bytes, p + 1, end);
}

function skipScalar(bytes: Buffer, p: number, end: number, isBinary: boolean): number {
  const byte = bytes[p] as number;
  if (byte === QUOTE) return skipString(bytes, p, end, isBinary);
  if (byte === 0x74) return skipWord(bytes, p, end, TRUE);
  if (byte === 0x66) return skipWord(bytes, p, end, FALSE);
  if (byte === 0x6e) return skipWord(bytes, p, end, NULL);
  return skipNumber(bytes, p, end, isBinary);
}

function skipWord(bytes: Buffer, start: number, end: number, word: Buffer): number {
  if (start + word.length > end) return REFUSE;
  for (let i = 1; i < word.length; i += 1) if (bytes[start + i] !== word[i]) return REFUSE;
  return start + word.length;
}

/** Over a string with its quotes. @returns the place behind it; REFUSE or ASK as `checkJson` */
export function skipString(bytes: Buffer, start: number, end: number, isBinary: boolean): number {
  let p = start + 1;
  for (;;) {
    while (p < end && STRING_STOPS[bytes[p] as number] === 0) p += 1;
    if (p >= end) return REFUSE;
    const byte = bytes[p];
    if (byte === QUOTE) return p + 1;
    if (byte !== BACKSLASH || p + 1 >= end) return REFUSE;
    const escaped = bytes[p + 1] as number;
    if (escaped === LOWER_U) {
      const code = p + 6 <= end ? codeAt(bytes, p + 2) : -1;
      if (code < 0) return REFUSE;
      // Zero is no character of a text; halves of a pair are ones only in the right order.
      if (isBinary && (code === 0 || (code >= 0xd800 && code <= 0xdfff))) return ASK;
      p += 6;
    } else {
      if (ESCAPED[escaped] === 0) return REFUSE;
      p += 2;
    }
  }
}

/** The value of four hexadecimal digits; negative when there is anything else. */
export function codeAt(bytes: Buffer, p: number): number {
  return (
    ((HEX_VALUE[bytes[p] as number] as number) << 12) |
    ((HEX_VALUE[bytes[p + 1] as number] as number) << 8) |
    ((HEX_VALUE[bytes[p + 2] as number] as number) << 4) |
    (HEX_VALUE[bytes[p + 3] as number] as number)
  );
}

function skipNumber(bytes: Buffer, start: number, end: number, isBinary: boolean): number {
  let p = bytes[start] === MINUS ? start + 1 : start;
  const integer = p;
  p = skipDigits(bytes, p, end);
  if (p === integer || (bytes[integer] === ZERO && p > integer + 1)) return REFUSE;
  if (p < end && bytes[p] === DOT) {
    const fraction = p + 1;
    p = skipDigits(bytes, fraction, end);
    if (p === fraction) return REFUSE;
  }
  const isLong = p - start > MOST_DIGITS;
  let isExtreme = false;
  if (p < end && ((bytes[p] as number) | 0x20) === 0x65) {
    p += 1;
    if (p < end && (bytes[p] === PLUS || bytes[p] === MINUS)) p += 1;
    const exponent = p;
    p = skipDigits(bytes, exponent, end);
    if (p === exponent) return REFUSE;
    isExtreme = p - exponent > MOST_EXPONENT_DIGITS;
  }
  return isBinary && (isLong || isExtreme) ? ASK : p;
}

function skipDigits(bytes: Buffer, start: number, end: number): number {
  let p = start;
  while (p < end && ((bytes[p] as number) - ZERO) >>> 0 <= 9) p += 1;
  return p;
}
