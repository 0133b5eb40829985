import type { ErrorCode } from '@copyline/contracts';

import { ASK } from '../../encode/field-encoder.ts';
import { skipBlanks, skipString, skipValue } from '../../encode/json-grammar.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What is wrong with a line. */
export class JsonFault extends Error {
  readonly code: ErrorCode;
  /** The offending byte in the buffer that was read. */
  readonly at: number;
  readonly key: string | undefined;

  constructor(code: ErrorCode, message: string, at: number, key?: string) {
    super(message);
    this.code = code;
    this.at = at;
    this.key = key;
  }
}

/** Takes a member: its key with the quotes, and its value, both as they are written. */
export type OnMember = (
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  valueEnd: number,
) => void;

/**
 * Reads one object, member by member, without making anything of it. Valid is what RFC 8259 says.
 *
 * @throws JsonFault
 */
export function readObject(bytes: Buffer, start: number, end: number, onMember: OnMember): void {
  let p = skipBlanks(bytes, start, end);
  if (bytes[p] !== OPEN_OBJECT || p >= end) throw invalid('The line is not an object', p);
  p = skipBlanks(bytes, p + 1, end);
  if (bytes[p] === CLOSE_OBJECT && p < end) {
    assertEnd(bytes, p + 1, end);
    return;
  }
  for (;;) {
    const keyStart = p;
    if (p >= end) throw invalid('The object is not closed', end);
    if (bytes[p] !== QUOTE) throw invalid('A key in quotes is missing', p);
    const keyEnd = skipString(bytes, p, end, false);
    if (keyEnd < 0) throw invalid('A key is not valid JSON', p);
    p = skipBlanks(bytes, keyEnd, end);
    if (bytes[p] !== COLON || p >= end) throw invalid('A colon is missing behind a key', p);
    p = skipBlanks(bytes, p + 1, end);
    const valueStart = p;
    p = p < end ? skipValue(bytes, p, end, false) : -1;
    if (p < 0) {
      const reason = p === ASK ? 'is nested too deeply' : 'is not valid JSON';
      const key = keyText(bytes, keyStart, keyEnd);
      throw new JsonFault('INVALID_JSON', `The value of a key ${reason}`, valueStart, key);
    }
    onMember(keyStart, keyEnd, valueStart, p);
    p = skipBlanks(bytes, p, end);
    if (bytes[p] === CLOSE_OBJECT && p < end) break;
    if (p >= end) throw invalid('The object is not closed', end);
    if (bytes[p] !== COMMA) throw invalid('A comma is missing behind a value', p);
    p = skipBlanks(bytes, p + 1, end);
  }
  assertEnd(bytes, p + 1, end);
}

/** A key that was read, as the text that it says. */
export function keyText(bytes: Buffer, start: number, end: number): string {
  return JSON.parse(bytes.toString('utf8', start, end)) as string;
}

function assertEnd(bytes: Buffer, from: number, end: number): void {
  const p = skipBlanks(bytes, from, end);
  if (p < end) throw invalid('Something stands behind the object on its line', p);
}

function invalid(message: string, at: number): JsonFault {
  return new JsonFault('INVALID_JSON', message, at);
}
