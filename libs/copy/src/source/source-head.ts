import { CopylineError, type CsvDialect, type LoadSpec } from '@copyline/contracts';

import { isParquet, parquetColumns } from '../parquet/parquet-source.ts';
import type { ParquetFooter } from '../parquet/footer.ts';
import { CsvScanner } from '../csv/scanner.ts';
import { FILE_START, type ScanPosition } from '../csv/scanning.ts';
import { dialectBytes, PADDING, scannedDialect } from '../csv/dialect.ts';
import { footerStart } from './footer.ts';
import type { LocalFile } from './local-file.ts';
import { errorInFile, hasFileOffsets, openFeed, type Reading } from './reading.ts';
import { needsTolerance } from './tolerant-csv.ts';
import { WindowReader, type Window } from './window-reader.ts';

const LF = 0x0a;
const CR = 0x0d;

/** What the beginning of a CSV file tells, or the footer of a Parquet file. */
export interface SourceHead {
  /** Where the first data record begins. */
  readonly dataStart: ScanPosition;
  /** The fields of the header record, exactly; `undefined` without one. */
  readonly header: readonly string[] | undefined;
  /** Fields of the first record after the header; `undefined` when there is none. */
  readonly firstRecordFields: number | undefined;
  readonly reading: Reading;
  /** Only of a Parquet file: its `header` are the names of the columns. */
  readonly parquet?: ParquetFooter;
}

type Magic = readonly [bytes: readonly number[], name: string];
const ANY_BYTE = -1;

/** File formats that are told by their first bytes, and what to say about them. */
const MAGICS: readonly Magic[] = [
  [[0x1f, 0x8b], 'gzip data'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd data'],
  // `BZh`, a digit, the magic of the first block: three letters alone may begin a header.
  [[0x42, 0x5a, 0x68, ANY_BYTE, 0x31, 0x41, 0x59, 0x26], 'bzip2 data'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz data'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive (or an .xlsx workbook)'],
  // `PAR1` alone may begin a header; the next byte begins a structure of Thrift's compact protocol.
  [[0x50, 0x41, 0x52, 0x31, 0x15], 'a Parquet file'],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], 'a PDF document'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'an .xls workbook'],
];

/** Byte order marks; the longer ones first. */
const BOMS: readonly Magic[] = [
  [[0xff, 0xfe, 0x00, 0x00], 'UTF-32LE'],
  [[0x00, 0x00, 0xfe, 0xff], 'UTF-32BE'],
  [[0xff, 0xfe], 'UTF-16LE'],
  [[0xfe, 0xff], 'UTF-16BE'],
  [[0xef, 0xbb, 0xbf], 'UTF-8'],
];

/** How two ASCII characters begin a file in an encoding without its byte order mark. */
const FOREIGN_ASCII: readonly (readonly [pattern: RegExp, name: string])[] = [
  // eslint-disable-next-line no-control-regex -- NUL bytes are what is looked for
  [/^(?:[\x01-\x7f]\0{3}){2}/, 'UTF-32LE'],
  // eslint-disable-next-line no-control-regex -- see above
  [/^(?:\0{3}[\x01-\x7f]){2}/, 'UTF-32BE'],
  // eslint-disable-next-line no-control-regex -- see above
  [/^(?:[\x01-\x7f]\0){2}/, 'UTF-16LE'],
  // eslint-disable-next-line no-control-regex -- see above
  [/^(?:\0[\x01-\x7f]){2}/, 'UTF-16BE'],
];

/**
 * Reads what stands before the data: byte order mark, skipped lines, header.
 *
 * @throws CopylineError `NOT_CSV`, `UNSUPPORTED_ENCODING`, or a fault of the header record; those of a
 *   Parquet footer
 */
export async function readSourceHead(
  file: LocalFile,
  spec: Pick<LoadSpec, 'format' | 'dialect' | 'lane' | 'maxRecordBytes'>,
): Promise<SourceHead> {
  if (await isParquet(file, spec.format)) return parquetHead(file);
  const { dialect, maxRecordBytes } = spec;
  const reading = await chooseReading(file, spec);
  const start = await startOf(file, reading, dialect.skipLines);
  let header: string[] | undefined;
  let firstRecordFields: number | undefined;
  let dataStart = start;
  let window: Window;
  const scanner: CsvScanner = new CsvScanner(
    {
      dialect: dialectBytes(scannedDialect(dialect)),
      maxRecordBytes,
      padding: reading.tolerant && PADDING[0],
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
    start,
  );
  const reader = new WindowReader(openFeed(file, reading, start.byteOffset));
  for (let consumed = 0; ;) {
    const next = await reader.next(consumed);
    if (next === undefined) break;
    window = next;
    try {
      consumed = scanner.scan(next.buffer, next.from, next.to, next.final);
    } catch (error) {
      // A fault behind the header is found again, and told with its column, when data is read.
      if (header !== undefined || !dialect.header) break;
      throw asHeaderFault(error, file.name, reading);
    }
    if (firstRecordFields !== undefined) break;
  }
  return { dataStart, header, firstRecordFields, reading };
}

async function parquetHead(file: LocalFile): Promise<SourceHead> {
  const parquet = await parquetColumns(file);
  const header = parquet.columns.map(({ name }) => name);
  const end = file.version.bytes;
  return {
    ...{ dataStart: FILE_START, header, firstRecordFields: header.length, parquet },
    reading: { encoding: 'utf-8', bomBytes: 0, end, tolerant: undefined },
  };
}

/** @throws CopylineError `NOT_CSV`, `UNSUPPORTED_ENCODING` */
async function chooseReading(
  file: LocalFile,
  { dialect, lane, maxRecordBytes }: Pick<LoadSpec, 'dialect' | 'lane' | 'maxRecordBytes'>,
): Promise<Reading> {
  const block = Buffer.alloc(8);
  const start = block.subarray(0, await file.read(block, 0, block.length, 0));
  const bom = BOMS.find((magic) => matches(start, magic));
  const encoding = encodingOf(start, bom, dialect.encoding, file.name);
  const format = MAGICS.find((magic) => matches(start, magic))?.[1];
  if (format !== undefined) {
    throw new CopylineError('NOT_CSV', `The file is ${format}, not CSV`, {
      source: file.name,
      byteOffset: 0,
    });
  }
  const isTolerant =
    lane === 'tolerant' ||
    needsTolerance(dialect) ||
    // Lines are skipped by offsets of the file elsewhere.
    (encoding !== 'utf-8' && dialect.skipLines > 0);
  return {
    encoding,
    bomBytes: bom?.[0].length ?? 0,
    end: await footerStart(file, dialect.skipFooter, encoding),
    tolerant: isTolerant ? { dialect, maxRecordBytes } : undefined,
  };
}

/** What was asked for and what the first bytes say must agree. */
function encodingOf(
  start: Buffer,
  bom: Magic | undefined,
  wanted: CsvDialect['encoding'],
  source: string,
): Reading['encoding'] {
  const ascii = start.toString('latin1');
  const seen = bom?.[1] ?? FOREIGN_ASCII.find(([pattern]) => pattern.test(ascii))?.[1];
  const isRead = seen === undefined || READ_ENCODINGS.has(seen.toLowerCase());
  const found = seen?.toLowerCase() as Reading['encoding'] | undefined;
  if (isRead && wanted === undefined && (bom !== undefined || found === undefined)) {
    return found ?? 'utf-8';
  }
  if (isRead && wanted !== undefined && (found === undefined || found === wanted)) return wanted;
  throw new CopylineError('UNSUPPORTED_ENCODING', `The file is in ${seen ?? ''}`, {
    source,
    byteOffset: 0,
    expected: wanted ?? 'UTF-8, or another encoding by a byte order mark or --encoding',
    advice: isRead
      ? `Read it with --encoding ${found ?? ''}.`
      : `Convert it: iconv -f ${seen} -t UTF-8 FILE > NEW_FILE.`,
  });
}

/** Of those that the first bytes tell. */
const READ_ENCODINGS = new Set(['utf-8', 'utf-16le', 'utf-16be']);

function matches(start: Buffer, [bytes]: Magic): boolean {
  return bytes.every((byte, i) => byte === ANY_BYTE || byte === start[i]);
}

async function startOf(
  file: LocalFile,
  reading: Reading,
  skipLines: number,
): Promise<ScanPosition> {
  // Elsewhere the lines are skipped by who writes them anew.
  if (!hasFileOffsets(reading)) return FILE_START;
  return skipPhysicalLines(file, reading.bomBytes, skipLines);
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
    lineEnd ??= firstLineEnd(block);
    const end = lineEnd === undefined ? -1 : block.indexOf(lineEnd === 'cr' ? CR : LF, at);
    if (end < 0) {
      // A last CR is looked at again, together with the byte behind it.
      const isOpen = lineEnd === undefined && block.length > 1 && block.at(-1) === CR;
      at = block.length - (isOpen ? 1 : 0);
      break;
    }
    lines += 1;
    at = end + 1;
  }
  return { ...position, lines, lineEnd, byteOffset: position.byteOffset + at };
}

/** `undefined` when the block has no line end, or may have been cut inside its first one. */
function firstLineEnd(block: Buffer): ScanPosition['lineEnd'] {
  const lf = block.indexOf(LF);
  const cr = block.indexOf(CR);
  if (cr < 0 || (lf >= 0 && lf <= cr + 1)) return lf < 0 ? undefined : 'lf';
  // A single byte is all that is left of the file.
  return cr + 1 < block.length || block.length === 1 ? 'cr' : undefined;
}

function asHeaderFault(fault: unknown, source: string, reading: Reading): unknown {
  if (!(fault instanceof CopylineError)) return fault;
  const error = errorInFile(fault, reading);
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
