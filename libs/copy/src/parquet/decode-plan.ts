import type { EncoderSession, ValueType } from '../encode/index.ts';
import type { ParquetFooter } from './footer.ts';

/** What a thread needs to make rows of a file: plain data. */
export interface DecodePlan {
  readonly footer: ParquetFooter;
  /** The columns of the rows, in their order. */
  readonly columns: readonly DecodedColumn[];
  /** Values behind those of the file. */
  readonly set: readonly DecodedSet[];
  /** Whether rows are made in COPY's binary form where that is possible. */
  readonly isBinary: boolean;
  /** Whether what is refused is told and left out, and every row shown as a record of CSV. */
  readonly keepsRejects: boolean;
  readonly session: EncoderSession;
  readonly truncatesNanoseconds: boolean;
}

export interface DecodedColumn {
  /** The place among the file's columns. */
  readonly field: number;
  /** What it is called in messages. */
  readonly name: string;
  readonly target: ValueType;
}

export type DecodedSet =
  | { readonly kind: 'value'; readonly text: string | null; readonly cell: Uint8Array | undefined }
  | { readonly kind: 'record'; readonly target: ValueType };

/** Rows that are copied together. */
export interface DecodedPiece {
  readonly form: 'binary' | 'text';
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** Records of the file before the first of them, and up to the last. */
  readonly recordsBefore: number;
  readonly recordsDone: number;
  /** With rejects only: the numbers of a `RowIndex`, and the rows as records of CSV. */
  readonly index: Int32Array<ArrayBuffer> | undefined;
  readonly source: Uint8Array;
  readonly rejects: readonly DecodedReject[];
}

/** A row that is refused. */
export interface DecodedReject {
  readonly record: number;
  readonly column: string;
  readonly code: 'VALUE_REFUSED' | 'VALUE_LOSSY';
  readonly sqlstate: string;
  readonly reason: string;
  readonly excerpt: string;
  /** As a record of CSV. */
  readonly raw: Uint8Array;
  readonly isWhole: boolean;
}
