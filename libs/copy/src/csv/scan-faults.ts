import { dataError, type CopylineError, type ErrorCode } from '@copyline/contracts';

import { delimiterAdvice } from './delimiter-advice.ts';
import { excerptOf } from './excerpt.ts';

/** What is wrong with a record, and at which byte of the window. */
export interface ScanFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at: number;
  /** The last byte that had to be read to find the fault. Default: `at`. */
  readonly reach?: number;
  /** Index of the field; left out where the whole record is meant. */
  readonly field?: number;
  /** First byte of the excerpt. Default: the record's first. */
  readonly excerptFrom?: number;
  readonly expected?: string;
  readonly advice?: string | undefined;
}

/** The record that a fault is in, and the window around it. */
export interface FaultSite {
  readonly window: Buffer;
  /** The byte after the window's last one: nothing behind it belongs to the file. */
  readonly to: number;
  /** File offset of the window's byte 0. */
  readonly base: number;
  readonly record: number;
  readonly line: number;
  /** First byte of the record in the window. */
  readonly start: number;
  readonly columns: readonly string[] | undefined;
}

/** The error for a fault, with its place in the file. */
export function errorOf(fault: ScanFault, site: FaultSite): CopylineError {
  const { code, message, at, field, excerptFrom = site.start, expected, advice } = fault;
  return dataError(code, message, {
    record: site.record,
    line: site.line,
    byteOffset: site.base + at,
    excerpt: excerptOf(site.window.subarray(excerptFrom, site.to)),
    ...(field === undefined ? {} : { column: site.columns?.[field] ?? String(field + 1) }),
    ...(expected === undefined ? {} : { expected }),
    ...(advice === undefined ? {} : { advice }),
  });
}

export function nulByte(at: number, field: number, excerptFrom: number): ScanFault {
  const expected = 'text without NUL';
  return { code: 'NUL_BYTE', message: 'A NUL byte', at, field, excerptFrom, expected };
}

export function quoteInField(at: number, field: number, excerptFrom: number): ScanFault {
  return {
    code: 'QUOTE_IN_FIELD',
    message: 'A quote inside a field that does not begin with one',
    at,
    field,
    excerptFrom,
    expected: 'the whole field in quotes, the inner quote doubled',
  };
}

export function textAfterQuote(at: number, field: number, excerptFrom: number): ScanFault {
  return {
    code: 'TEXT_AFTER_QUOTE',
    message: 'Text after a closing quote',
    at,
    field,
    excerptFrom,
    expected: 'a delimiter or a line end',
  };
}

/** @param line on which the quote stands: the record may have begun lines before it */
export function unclosedQuote(open: number, to: number, field: number, line: number): ScanFault {
  return {
    code: 'UNCLOSED_QUOTE',
    message: `The quote that opens on line ${String(line)} is never closed`,
    at: open,
    reach: to - 1,
    field,
    excerptFrom: open,
    expected: 'a closing quote',
  };
}

export function strayLineEnd(at: number, field: number, style: 'cr' | 'lf'): ScanFault {
  const [what, usual] =
    style === 'cr' ? ['A line feed', 'CR'] : ['A lone carriage return', 'LF or CRLF'];
  return {
    code: 'STRAY_LINE_END',
    message: `${what} in a file whose lines end in ${usual}`,
    at,
    field,
    expected: 'the same line end everywhere, or a quoted field',
  };
}

export function invalidUtf8(
  byte: number,
  at: number,
  field: number,
  excerptFrom: number,
): ScanFault {
  return {
    code: 'INVALID_UTF8',
    message: `The byte 0x${byte.toString(16).padStart(2, '0')} is not valid UTF-8 here`,
    at,
    field,
    excerptFrom,
    expected: 'UTF-8',
  };
}

/** @param at may lie before the window */
export function blankLine(at: number, to: number, fieldCount: number): ScanFault {
  return {
    code: 'FIELD_COUNT',
    message: 'A blank line between records',
    at,
    excerptFrom: to,
    expected: `${fieldsText(fieldCount)}, or --skip-blank-lines`,
  };
}

/** So much of a record is looked at to guess the delimiter that was meant. */
const GUESS_BYTES = 64 * 1024;

/** @param bytes the record, from which another delimiter may be guessed */
export function wrongFieldCount(
  found: number,
  expected: number,
  place: { readonly at: number; readonly reach: number },
  bytes: Buffer,
): ScanFault {
  const guess = (): string | undefined =>
    delimiterAdvice(bytes.toString('utf8', 0, Math.min(bytes.length, GUESS_BYTES)), expected);
  return {
    code: 'FIELD_COUNT',
    message: `The record has ${fieldsText(found)}`,
    ...place,
    expected: fieldsText(expected),
    advice: found === 1 ? guess() : undefined,
  };
}

/** @param openQuote the quote that is open where the record passes the limit, or -1 */
export function recordTooLarge(limit: number, start: number, openQuote: number): ScanFault {
  const at = openQuote < 0 ? start : openQuote;
  return {
    code: 'RECORD_TOO_LARGE',
    message: `A record of more than ${limit.toLocaleString('en')} bytes`,
    at,
    excerptFrom: at,
    ...(openQuote < 0 ? {} : { expected: 'a closing quote for the one that opens here' }),
  };
}

function fieldsText(count: number): string {
  return count === 1 ? '1 field' : `${String(count)} fields`;
}
