import { countBytes } from './field-text.ts';
import {
  nulByte,
  quoteInField,
  unclosedQuote,
  wrongFieldCount,
  type ScanFault,
} from './scan-faults.ts';

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** The record that a scanner is in, as far as it has come. Offsets are those of the window. */
interface ScannedRecord {
  readonly line: number;
  readonly start: number;
  /** End of the fields, and of the line end behind them. */
  readonly contentEnd: number;
  readonly end: number;
  readonly fieldCount: number;
  fieldStart(index: number): number;
}

/** A byte that no unquoted field may hold. */
export function byteFault(record: ScannedRecord, window: Buffer, at: number): ScanFault {
  const field = record.fieldCount - 1;
  const fault = window[at] === NUL ? nulByte : quoteInField;
  return fault(at, field, record.fieldStart(field));
}

/** A quote, opened at `open`, that the file ends in. */
export function unclosedFault(
  record: ScannedRecord,
  window: Buffer,
  open: number,
  to: number,
  style: 'lf' | 'cr' | undefined,
): ScanFault {
  const before = window.subarray(record.start, open);
  const line = record.line + countBytes(before, style === 'cr' ? CR : LF);
  return unclosedQuote(open, to, record.fieldCount - 1, line);
}

/** A record of more or fewer fields than the others. */
export function countFault(record: ScannedRecord, window: Buffer, expected: number): ScanFault {
  const { fieldCount, start, contentEnd, end } = record;
  const at = fieldCount > expected ? record.fieldStart(expected) : contentEnd;
  const bytes = window.subarray(start, contentEnd);
  return wrongFieldCount(fieldCount, expected, { at, reach: end - 1 }, bytes);
}
