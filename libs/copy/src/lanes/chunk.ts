import type { Connection } from '@copyline/dws-client';

import { countBytes } from '../csv/field-text.ts';
import type { ScanPosition } from '../csv/scanning.ts';
import type { Reject } from '../rejects/reject.ts';
import { BINARY_HEADER, BINARY_TRAILER } from './binary-rows.ts';
import type { CopyForm } from './checkpoints.ts';
import type { Piece } from './csv-pieces.ts';
import type { IndexedRow, RowIndex } from './row-index.ts';

const LF = 0x0a;
const CR = 0x0d;

/** A row of a chunk, as it stands in the source. */
export interface SourceRecord {
  readonly record: number;
  readonly line: number;
  readonly byteOffset: number;
  readonly raw: Buffer;
}

interface OwnPiece {
  readonly bytes: Buffer;
  readonly source: Buffer;
  readonly index: RowIndex;
  readonly position: ScanPosition;
  /** Rows of the chunk before it. */
  readonly before: number;
}

/** Pieces that are stored together or looked at row by row; their bytes are its own. */
export class Chunk {
  form: CopyForm = 'csv';
  rows = 0;
  /** Bytes of the source that it stands for. */
  sourceBytes = 0;
  /** Where in the source it ends. */
  sourceEnd = 0;
  bytesRead = 0;
  rowsParsed = 0;
  readonly rejects: Reject[] = [];
  readonly #pieces: OwnPiece[] = [];

  /** Whether a piece can be part of it: all of its rows have one form. */
  takes({ form, rows }: Piece): boolean {
    return this.rows === 0 || rows === 0 || form === this.form;
  }

  add(piece: Piece, rejects: readonly Reject[]): void {
    const { bytes, rows, position, bytesRead, rowsParsed, index, source } = piece;
    if (rows > 0 && index !== undefined) {
      this.form = piece.form;
      this.#pieces.push({
        bytes: Buffer.from(bytes),
        source: Buffer.from(source),
        index,
        position,
        before: this.rows,
      });
      this.rows += rows;
    }
    this.rejects.push(...rejects);
    this.sourceBytes += source.length;
    this.sourceEnd = position.byteOffset + source.length;
    this.bytesRead = bytesRead;
    this.rowsParsed = rowsParsed;
  }

  /** The rows `[from…to)` as COPY gets them. */
  *bytes(from: number, to: number): Generator<Buffer, void, undefined> {
    if (this.form === 'binary') yield BINARY_HEADER;
    for (const piece of this.#pieces) {
      const first = Math.max(from - piece.before, 0);
      const last = Math.min(to - piece.before, piece.index.count);
      if (first >= last) continue;
      const start = first === 0 ? 0 : this.#endOf(piece.index.row(first - 1));
      yield piece.bytes.subarray(start, this.#endOf(piece.index.row(last - 1)));
    }
    if (this.form === 'binary') yield BINARY_TRAILER;
  }

  record(row: number): SourceRecord {
    const { index, source, position, before } = this.#pieceOf(row);
    const { rawStart, rawEnd, record, line } = index.row(row - before);
    return {
      record: position.records + record,
      line: position.lines + line,
      byteOffset: position.byteOffset + rawStart,
      raw: Buffer.from(source.subarray(rawStart, rawEnd)),
    };
  }

  /** The row that a record of the source has become; `undefined` when it is no row of the chunk. */
  rowOf(record: number): number | undefined {
    const piece = this.#pieces.findLast(({ position }) => position.records < record);
    if (piece === undefined) return undefined;
    const wanted = record - piece.position.records;
    // There are fewer rows than records where some were refused.
    let at = Math.min(wanted, piece.index.count) - 1;
    while (at >= 0 && piece.index.row(at).record > wanted) at -= 1;
    return at >= 0 && piece.index.row(at).record === wanted ? piece.before + at : undefined;
  }

  /**
   * The row that the server means by a line of a COPY of the rows from `from` on. In CSV it counts a
   * line for each record and for each line break in quotes: see `ServerLines`.
   */
  rowAtLine(from: number, line: number): number | undefined {
    if (this.form !== 'csv') return from + line - 1;
    const isLineFeed = !endsInCarriageReturn(this.#bytesOf(from));
    let last = 0;
    for (let row = from; row < this.rows; row += 1) {
      const bytes = withoutLineEnd(this.#bytesOf(row));
      last += 1 + countBytes(bytes, row > from && isLineFeed ? LF : CR);
      if (last >= line) return row;
    }
    return undefined;
  }

  #bytesOf(row: number): Buffer {
    const { index, before, bytes } = this.#pieceOf(row);
    const at = row - before;
    const start = at === 0 ? 0 : this.#endOf(index.row(at - 1));
    return bytes.subarray(start, this.#endOf(index.row(at)));
  }

  #endOf({ binaryEnd, textEnd }: IndexedRow): number {
    return this.form === 'binary' ? binaryEnd : textEnd;
  }

  #pieceOf(row: number): OwnPiece {
    const piece = this.#pieces.findLast(({ before }) => before <= row);
    if (piece === undefined) throw new RangeError(`The chunk has no row ${String(row)}`);
    return piece;
  }
}

/** Stores the rows of chunks, one chunk after the other. */
export interface ChunkStore {
  /**
   * Those that are refused are added to the chunk's rejects.
   *
   * @returns the server's count of rows
   * @throws CopylineError what is not the fault of a record
   */
  store(chunk: Chunk): Promise<number>;
}

/** Sends the rows `[from…to)` of a chunk with one COPY. @returns the server's count */
export function copyRows(
  connection: Connection,
  statement: string,
  chunk: Chunk,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal | undefined,
): Promise<number> {
  return connection.copyIn(
    statement,
    async (sink) => {
      for (const bytes of chunk.bytes(from, to)) await sink.write(bytes);
    },
    signal === undefined ? {} : { signal },
  );
}

function withoutLineEnd(bytes: Buffer): Buffer {
  const isLineFeed = bytes.at(-1) === LF;
  const rest = isLineFeed ? bytes.subarray(0, -1) : bytes;
  return rest.at(-1) === CR ? rest.subarray(0, -1) : rest;
}

/** CR and CRLF alike: the server counts line feeds only in a file that ends its lines with them. */
function endsInCarriageReturn(bytes: Buffer): boolean {
  return bytes.at(-1) === CR || bytes.at(-2) === CR;
}
