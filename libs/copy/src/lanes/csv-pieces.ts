import { CopylineError, dataError } from '@copyline/contracts';

import { excerptOf } from '../csv/excerpt.ts';
import { RefusingScanner } from '../csv/refusing-scanner.ts';
import { CsvScanner } from '../csv/scanner.ts';
import type { ScannerOptions, ScanPosition } from '../csv/scanning.ts';
import { ServerLines, type ServerLinesState } from '../csv/server-lines.ts';
import { REFUSE, type FieldEncoder } from '../encode/index.ts';
import { rejectOf, type Reject } from '../rejects/reject.ts';
import type { ContentDigest } from '../source/content-digest.ts';
import type { LocalFile } from '../source/local-file.ts';
import { openFeed, type Reading } from '../source/reading.ts';
import { WindowReader } from '../source/window-reader.ts';
import { BinaryRows } from './binary-rows.ts';
import type { CopyForm } from './checkpoints.ts';
import { CsvBytes } from './csv-bytes.ts';
import { RowIndex } from './row-index.ts';
import type { RowLayout } from './row-layout.ts';
import { TextRows } from './text-rows.ts';

/** The records of one window, as they are copied. */
export interface Piece {
  readonly form: CopyForm;
  /** Untouched until the piece after the next is asked for. May be empty. */
  readonly bytes: Buffer;
  readonly rows: number;
  /** Where the piece begins. */
  readonly position: ScanPosition;
  /** Of a piece of CSV: lines before it that the server has counted. */
  readonly serverLines: ServerLinesState | undefined;
  /** Bytes of the source read so far, records found so far. */
  readonly bytesRead: number;
  readonly rowsParsed: number;
  /** With `onReject` only: the rows one by one, and the bytes of the source that they were. */
  readonly index: RowIndex | undefined;
  readonly source: Buffer;
}

export interface CsvPiecesInput {
  readonly file: LocalFile;
  readonly reading: Reading;
  readonly scanner: ScannerOptions;
  readonly layout: RowLayout;
  readonly dataStart: ScanPosition;
  readonly digest: ContentDigest | undefined;
  /** One for each column; without them all pieces are of the plain form. */
  readonly encoders: readonly FieldEncoder[] | undefined;
  /** Takes what is refused of the piece that is made; without it a refusal is an error. */
  readonly onReject?: ((reject: Reject) => void) | undefined;
  /** The form of rows that are not encoded. */
  readonly plainForm: 'text' | 'csv';
}

/**
 * The records of a CSV file, window by window, checked. A window all of whose values an encoder
 * vouches for is in the binary form. One with a value that the server shall judge is plain: to the
 * server both are the same rows, and the plain form is what it can judge.
 *
 * @throws CopylineError with the place of the first fault of the file's form, or of the first value
 *   that is refused
 */
export async function* csvPieces(input: CsvPiecesInput): AsyncGenerator<Piece, void, undefined> {
  const { file, dataStart, digest, encoders, onReject } = input;
  const isText = input.plainForm === 'text';
  const csv = isText ? undefined : new CsvBytes(input.scanner.dialect.quote);
  const text = isText ? new TextRows(input.layout) : undefined;
  const binary = encoders && new BinaryRows(encoders, input.layout);
  let isEncoding = false;
  let buffer: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  let position = dataStart;
  let refused = 0;
  let index: RowIndex | undefined;
  const refuse = (error: CopylineError, raw: Buffer, isWhole: boolean): void => {
    if (onReject === undefined) throw error;
    refused += 1;
    onReject(rejectOf(error, Buffer.from(raw), isWhole));
  };
  /** What the encoders have taken of the window until a value is asked is made plain after all. */
  const addAgain = (to: number): void => {
    if (text === undefined || to === windowStart) return;
    let row = 0;
    const onRecord = (record: CsvScanner): void => {
      const end = text.add(record, buffer);
      index?.setTextEnd(row, end);
    };
    const again = new CsvScanner(input.scanner, { onRecord }, position);
    // One by one where there may be refused ones in between.
    for (; row < (index?.count ?? 0); row += 1) {
      const { rawStart = 0, rawEnd = 0, record = 0 } = index?.row(row) ?? {};
      again.record = position.records + record - 1;
      again.scan(buffer, windowStart + rawStart, windowStart + rawEnd, true);
    }
    if (index === undefined) again.scan(buffer, windowStart, to, true);
  };
  const onRecord = (record: CsvScanner): void => {
    let binaryEnd = 0;
    // With rejects, what an encoder can refuse of a plain window is refused here, too.
    if (binary !== undefined && (isEncoding || onReject !== undefined)) {
      binaryEnd = binary.add(record, buffer);
      if (binaryEnd === REFUSE) {
        const error = refusedValue(binary, record, buffer, input.scanner.columns);
        refuse(error, buffer.subarray(record.start, record.end), true);
        return;
      }
      if (binaryEnd < 0 && isEncoding) {
        isEncoding = false;
        addAgain(record.start);
      }
    }
    csv?.onRecord(record);
    const textEnd = isEncoding ? 0 : text?.add(record, buffer);
    index?.add(
      binaryEnd,
      textEnd ?? csv?.placeOf(record.end) ?? 0,
      record.start - windowStart,
      record.end - windowStart,
      record.record - position.records,
      record.line - position.lines,
    );
  };
  const onDropped = (range: { readonly start: number; readonly end: number }): void => {
    csv?.drop(range);
  };
  const refusing =
    onReject &&
    new RefusingScanner(input.scanner, { onRecord, onDropped, onRefused: refuse }, dataStart);
  const scanner =
    refusing?.scanner ??
    new CsvScanner(input.scanner, { onRecord, onBlankLine: onDropped }, dataStart);
  csv?.begin(new ServerLines(scanner));

  // The digest covers the whole file, the scan begins behind the header.
  const onBytes = digest && ((bytes: Buffer): void => digest.update(bytes));
  const reader = new WindowReader(openFeed(file, input.reading, 0, onBytes));
  let skip = dataStart.byteOffset;
  let consumed = 0;
  let form: CopyForm = encoders === undefined ? input.plainForm : 'binary';
  for (;;) {
    const window = await reader.next(consumed);
    if (window === undefined) return;
    buffer = window.buffer;
    const { to, final } = window;
    const from = Math.min(window.from + skip, to);
    skip -= from - window.from;
    position = scanner.position;
    windowStart = from;
    refused = 0;
    index = onReject && new RowIndex();
    const serverLines = csv?.serverLines.state;
    csv?.window(buffer, from);
    isEncoding = binary !== undefined;
    const scanned = skip > 0 ? 0 : (refusing ?? scanner).scan(buffer, from, to, final);
    consumed = from - window.from + scanned;
    const rows = scanner.record - position.records - refused;
    // Without a row there is nothing to change the form for.
    if (rows > 0) form = isEncoding ? 'binary' : input.plainForm;
    const bytes = csv?.result(from + scanned) ?? (form === 'binary' ? binary : text)?.take();
    if (bytes === undefined) throw new CopylineError('INTERNAL', 'No lane took the records');
    if (form !== 'binary') binary?.discard();
    const [bytesRead, rowsParsed] = [reader.fileBytesRead, scanner.record];
    const source = buffer.subarray(from, from + scanned);
    yield { form, bytes, rows, position, serverLines, bytesRead, rowsParsed, index, source };
  }
}

/** The error for the value that an encoder has refused, as the server would have raised it. */
function refusedValue(
  binary: BinaryRows,
  record: CsvScanner,
  window: Buffer,
  columns: readonly string[] | undefined,
): CopylineError {
  const { field, sqlstate, reason } = binary.refusal(record, window);
  const start = record.fieldStart(field);
  return dataError('VALUE_REFUSED', reason, {
    sqlstate,
    record: record.record,
    line: record.line,
    column: columns?.[field] ?? String(field + 1),
    byteOffset: record.position.byteOffset + (start - record.start),
    excerpt: excerptOf(window.subarray(start, record.fieldEnd(field))),
  });
}
