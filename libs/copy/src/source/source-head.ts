import { CopylineError, type CsvDialect } from '@copyline/contracts';

import { CsvScanner, FILE_START, type ScanPosition } from '../csv/scanner.ts';
import { dialectBytes } from '../csv/dialect.ts';
import type { LocalFile } from './local-file.ts';
import { WindowReader, type Window } from './window-reader.ts';

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** What the beginning of a CSV file tells. */
export interface SourceHead {
  /** Where the first data record begins. */
  readonly dataStart: ScanPosition;
  /** The fields of the header record, exactly; `undefined` without one. */
  readonly header: readonly string[] | undefined;
  /** Fields of the first record after the header; `undefined` when there is none. */
  readonly firstRecordFields: number | undefined;
  readonly hasBom: boolean;
}

/** File formats that are told by their first bytes, and what to say about them. */
const MAGICS: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x1f, 0x8b], 'gzip data'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd data'],
  [[0x42, 0x5a, 0x68], 'bzip2 data'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz data'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive (or an .xlsx workbook)'],
  [[0x50, 0x41, 0x52, 0x31], 'a Parquet file'],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], 'a PDF document'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'an .xls workbook'],
];

/** Byte order marks of encodings that are not UTF-8; the longer ones first. */
const FOREIGN_BOMS: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0xff, 0xfe, 0x00, 0x00], 'UTF-32LE'],
  [[0x00, 0x00, 0xfe, 0xff], 'UTF-32BE'],
  [[0xff, 0xfe], 'UTF-16LE'],
  [[0xfe, 0xff], 'UTF-16BE'],
];

/**
 * Reads what stands before the data: byte order mark, skipped lines, header.
 *
 * @throws CopylineError `NOT_CSV`, `UNSUPPORTED_ENCODING`, or a fault of the header record
 */
export async function readSourceHead(
  file: LocalFile,
  dialect: CsvDialect,
  maxRecordBytes: number,
): Promise<SourceHead> {
  const start = await readPreamble(file, dialect.skipLines);
  let header: string[] | undefined;
  let firstRecordFields: number | undefined;
  let dataStart = start.position;
  let window: Window;
  const scanner: CsvScanner = new CsvScanner(
    {
      dialect: dialectBytes(dialect),
      maxRecordBytes,
      blankLines: dialect.skipBlankLines ? 'skip' : 'record',
    },
    {
      onRecord: (scanned) => {
        if (dialect.header && header === undefined) {
          header = Array.from({ length: scanned.fieldCount }, (_, i) =>
            scanned.fieldText(window.buffer, i),
          );
          dataStart = {
            byteOffset: scanned.position.byteOffset + (scanned.end - scanned.start),
            records: 0,
            lines: scanned.line - 1 + scanned.lineCount,
            lineEnd: scanned.lineEnd === 'cr' ? 'cr' : 'lf',
          };
        } else {
          firstRecordFields ??= scanned.fieldCount;
        }
      },
    },
    start.position,
  );
  const reader = new WindowReader(file, start.position.byteOffset);
  for (let consumed = 0; ;) {
    const next = await reader.next(consumed);
    if (next === undefined) break;
    window = next;
    try {
      consumed = scanner.scan(next.buffer, next.from, next.to, next.final);
    } catch (error) {
      // A fault behind the header is found again, and told with its column, when data is read.
      if (header !== undefined || !dialect.header) break;
      throw asHeaderFault(error, file.name);
    }
    if (firstRecordFields !== undefined) break;
  }
  return { dataStart, header, firstRecordFields, hasBom: start.hasBom };
}

async function readPreamble(
  file: LocalFile,
  skipLines: number,
): Promise<{ readonly position: ScanPosition; readonly hasBom: boolean }> {
  const start = Buffer.alloc(8);
  const bytes = await file.read(start, 0, start.length, 0);
  refuseForeignFormats(start.subarray(0, bytes), file.name);
  const hasBom = start.subarray(0, BOM.length).equals(BOM);
  const byteOffset = hasBom ? BOM.length : 0;
  return { position: await skipPhysicalLines(file, byteOffset, skipLines), hasBom };
}

function refuseForeignFormats(start: Buffer, source: string): void {
  const found = (list: typeof MAGICS): string | undefined =>
    list.find(([bytes]) => start.subarray(0, bytes.length).equals(Buffer.from(bytes)))?.[1];
  const encoding = found(FOREIGN_BOMS);
  if (encoding !== undefined) {
    throw new CopylineError('UNSUPPORTED_ENCODING', `The file is in ${encoding}`, {
      source,
      byteOffset: 0,
      expected: 'UTF-8',
      advice: `Convert it: iconv -f ${encoding} -t UTF-8 FILE > NEW_FILE.`,
    });
  }
  const format = found(MAGICS);
  if (format !== undefined) {
    throw new CopylineError('NOT_CSV', `The file is ${format}, not CSV`, { source, byteOffset: 0 });
  }
}

/** Skips lines that need not be CSV at all; the first line end decides what a line end is. */
async function skipPhysicalLines(
  file: LocalFile,
  byteOffset: number,
  count: number,
): Promise<ScanPosition> {
  let position: ScanPosition = { ...FILE_START, byteOffset };
  const block = Buffer.alloc(64 * 1024);
  while (position.lines < count) {
    const bytes = await file.read(block, 0, block.length, position.byteOffset);
    if (bytes === 0) break;
    position = skipInBlock(block.subarray(0, bytes), position, count);
  }
  return position;
}

function skipInBlock(block: Buffer, position: ScanPosition, count: number): ScanPosition {
  let { lines, lineEnd } = position;
  let at = 0;
  while (lines < count && at < block.length) {
    const lf = block.indexOf(0x0a, at);
    const cr = block.indexOf(0x0d, at);
    lineEnd ??=
      cr >= 0 && cr < block.length - 1 && cr + 1 !== lf && (lf < 0 || cr < lf) ? 'cr' : 'lf';
    const end = lineEnd === 'cr' ? cr : lf;
    if (end < 0)
      return { ...position, lines, lineEnd, byteOffset: position.byteOffset + block.length };
    lines += 1;
    at = end + 1;
  }
  return { ...position, lines, lineEnd, byteOffset: position.byteOffset + at };
}

function asHeaderFault(error: unknown, source: string): unknown {
  if (!(error instanceof CopylineError)) return error;
  const { line, byteOffset, excerpt, expected } = error.place;
  return new CopylineError(error.code, `In the header: ${error.message}`, {
    source,
    ...(line === undefined ? {} : { line }),
    ...(byteOffset === undefined ? {} : { byteOffset }),
    ...(excerpt === undefined ? {} : { excerpt }),
    ...(expected === undefined ? {} : { expected }),
    located: true,
    cause: error.cause,
  });
}
