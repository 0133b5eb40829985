import {
  CopylineError,
  type ErrorCode,
  type RejectLimit,
  type RejectReport,
} from '@copyline/contracts';

/** A record that was refused while the load goes on. Whoever produces records may report one. */
export interface Reject {
  /** Data record, from 1. */
  readonly record: number;
  /** Physical line on which it starts, from 1. */
  readonly line: number;
  readonly column: string | null;
  /** Of the offending byte, or of the record where that is not known. */
  readonly byteOffset: number | null;
  readonly code: ErrorCode;
  readonly sqlstate: string | null;
  readonly reason: string;
  /** At most 80 characters, safe to print. */
  readonly excerpt: string | null;
  /** The record as it stands in the source, its line end included. */
  readonly raw: Buffer;
  /** Whether `raw` is all of it: not of a line beyond the size limit. */
  readonly isWhole: boolean;
}

/** What an error says of the record that it is about. */
export function rejectOf(error: CopylineError, raw: Buffer, isWhole = true): Reject {
  const { record = 0, line = 0, column = null, byteOffset = null, excerpt = null } = error.place;
  return {
    record,
    line,
    column,
    byteOffset,
    code: error.code,
    sqlstate: error.sqlstate ?? null,
    reason: error.message,
    excerpt,
    raw,
    isWhole,
  };
}

export function rejectReport(reject: Reject): RejectReport {
  const { record, line, column, byteOffset, code, sqlstate, reason, excerpt } = reject;
  return { record, line, column, byteOffset, code, sqlstate, reason, excerpt };
}

/** Rejects that a load may have. Pure. */
export class RejectAllowance {
  readonly #limit: RejectLimit | undefined;
  /** Bytes that a record takes at least: its delimiters and its line end. */
  readonly #leastBytes: number;

  /** @param limit without one there may be any number */
  constructor(limit: RejectLimit | undefined, fields: number) {
    this.#limit = limit;
    this.#leastBytes = Math.max(fields, 1);
  }

  /**
   * Whether there are too many for sure. A percentage is one of all records: it is passed for sure
   * when the bytes that are left cannot hold records enough to bring it down again.
   *
   * @param bytesLeft of the source
   */
  isPassed(rejects: number, rowsParsed: number, bytesLeft: number): boolean {
    const limit = this.#limit;
    if (limit === undefined) return false;
    if (typeof limit === 'number') return rejects > limit;
    // The last record may do without a line end.
    const rest = bytesLeft === 0 ? 0 : Math.ceil((bytesLeft + 1) / this.#leastBytes);
    return rejects * 100 > Number(limit.slice(0, -1)) * (rowsParsed + rest);
  }

  /** The error for too many. */
  exceeded(rejects: number, rowsParsed: number): CopylineError {
    const limit = String(this.#limit ?? '');
    return new CopylineError(
      'REJECT_LIMIT_EXCEEDED',
      `${String(rejects)} of ${String(rowsParsed)} records so far were refused, the limit is ${limit}`,
    );
  }
}
