import { CopylineError } from '@copyline/contracts';

import { isParquet, parquetColumns } from '../parquet/parquet-source.ts';
import type { ParquetFooter } from '../parquet/footer.ts';
import { CsvScanner } from '../csv/scanner.ts';
import { FILE_START, type ScanPosition } from '../csv/scanning.ts';
import { dialectBytes, PADDING, scannedDialect } from '../csv/dialect.ts';
import { chooseReading, type ReadingSpec } from './choose-reading.ts';
import type { LocalFile } from './local-file.ts';
import { errorInFile, hasFileOffsets, openFeed, readContent, type Reading } from './reading.ts';
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
  /** Whether the source, unpacked, has nothing but a byte order mark. */
  readonly isEmpty: boolean;
  /** Only of a Parquet file: its `header` are the names of the columns. */
  readonly parquet?: ParquetFooter;
}

/**
 * Reads what stands before the data: byte order mark, skipped lines, header.
 *
 * @throws CopylineError as `chooseReading`, a fault of the header record, or one of a Parquet footer
 */
export async function readSourceHead(file: LocalFile, spec: ReadingSpec): Promise<SourceHead> {
  if (await isParquet(file, spec.format)) return parquetHead(file, spec);
  const { dialect, maxRecordBytes } = spec;
  const { reading, isEmpty } = await chooseReading(file, spec);
  if (reading.format === 'jsonl') {
    // What the keys are called is known when the table is.
    const none = { header: undefined, firstRecordFields: undefined };
    return { dataStart: FILE_START, ...none, reading, isEmpty };
  }
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
  return { dataStart, header, firstRecordFields, reading, isEmpty };
}

async function parquetHead(
  file: LocalFile,
  { maxUnpackedBytes, maxUnpackRatio }: ReadingSpec,
): Promise<SourceHead> {
  const parquet = await parquetColumns(file);
  const header = parquet.columns.map(({ name }) => name);
  const reading: Reading = {
    format: 'parquet',
    compression: 'none',
    unpackLimits: { maxUnpackedBytes, maxUnpackRatio },
    encoding: 'utf-8',
    bomBytes: 0,
    end: file.version.bytes,
    tolerant: undefined,
    json: undefined,
  };
  const firstRecordFields = header.length;
  return { dataStart: FILE_START, header, firstRecordFields, parquet, reading, isEmpty: false };
}

async function startOf(
  file: LocalFile,
  reading: Reading,
  skipLines: number,
): Promise<ScanPosition> {
  // Elsewhere the lines are skipped by who writes them anew.
  if (!hasFileOffsets(reading)) return FILE_START;
  return skipPhysicalLines(file, reading, skipLines);
}

/** Skips lines that need not be CSV at all; the first line end decides what a line end is. */
async function skipPhysicalLines(
  file: LocalFile,
  reading: Reading,
  count: number,
): Promise<ScanPosition> {
  let position: ScanPosition = { ...FILE_START, byteOffset: reading.bomBytes };
  const block = Buffer.alloc(64 * 1024);
  while (position.lines < count) {
    const bytes = await readContent(file, reading, block, position.byteOffset);
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
