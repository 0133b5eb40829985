import { CopylineError, type CsvDialect, type LoadSpec } from '@copyline/contracts';

import { footerStart } from './footer.ts';
import { assertNotForeign } from './foreign-formats.ts';
import { assertJsonSpec, isJsonLines } from './json-lines/recognise-json.ts';
import type { LocalFile } from './local-file.ts';
import { readContent, type Reading } from './reading.ts';
import { needsTolerance } from './tolerant-csv.ts';
import { compressionOf } from './unpack/compression.ts';

/** What of a load decides how its source is read. */
export type ReadingSpec = Pick<
  LoadSpec,
  | 'dialect'
  | 'format'
  | 'lane'
  | 'mapping'
  | 'maxRecordBytes'
  | 'maxUnpackedBytes'
  | 'maxUnpackRatio'
>;

/** So much of the beginning tells what a file is: the mark of a tar archive stands at 257. */
const START_BYTES = 4096;

type Bom = readonly [bytes: readonly number[], name: string];

/** Byte order marks; the longer ones first. */
const BOMS: readonly Bom[] = [
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
 * Looks at the first bytes for how a file is packed, encoded and written; its name counts for little.
 *
 * @throws CopylineError `NOT_CSV`, `UNSUPPORTED_ENCODING`, `ARCHIVE_CORRUPT`, `ARCHIVE_UNSUITABLE`
 */
export async function chooseReading(
  file: LocalFile,
  spec: ReadingSpec,
): Promise<{ readonly reading: Reading; readonly isEmpty: boolean }> {
  const { dialect, lane, maxRecordBytes, maxUnpackedBytes, maxUnpackRatio } = spec;
  const { bytes } = file.version;
  const unpackLimits = { maxUnpackedBytes, maxUnpackRatio };
  const stored = await startOf(file, { compression: 'none', unpackLimits, end: bytes });
  const compression = compressionOf(stored);
  const packing = { compression, unpackLimits, end: bytes };
  const start = compression === 'none' ? stored : await startOf(file, packing);
  assertNotForeign(start, file.name, compression);
  const bom = BOMS.find(([mark]) => mark.every((byte, i) => byte === start[i]));
  const encoding = encodingOf(start, bom, dialect.encoding, file.name);
  const bomBytes = bom?.[0].length ?? 0;
  const format = isJsonLines(spec, file.name, start.subarray(bomBytes)) ? 'jsonl' : 'csv';
  if (format === 'jsonl') assertJsonSpec(spec, file.name);
  if (compression !== 'none' && dialect.skipFooter > 0) {
    throw new CopylineError(
      'ARCHIVE_UNSUITABLE',
      `A footer is found from the end, which ${compression} data has only after all of it`,
      { source: file.name, advice: 'Unpack the file first, or make its last lines a --comment.' },
    );
  }
  const isTolerant =
    format === 'csv' &&
    (lane === 'tolerant' ||
      needsTolerance(dialect) ||
      // Lines are skipped by offsets of the file elsewhere.
      (encoding !== 'utf-8' && dialect.skipLines > 0));
  const reading: Reading = {
    ...packing,
    format,
    encoding,
    bomBytes,
    end: compression === 'none' ? await footerStart(file, dialect.skipFooter, encoding) : bytes,
    tolerant: isTolerant ? { dialect, maxRecordBytes } : undefined,
    json: undefined,
  };
  return { reading, isEmpty: start.length <= bomBytes };
}

async function startOf(
  file: LocalFile,
  packing: Pick<Reading, 'compression' | 'unpackLimits' | 'end'>,
): Promise<Buffer> {
  const block = Buffer.alloc(START_BYTES);
  try {
    return block.subarray(0, await readContent(file, packing, block, 0));
  } catch (error) {
    throw error instanceof CopylineError ? error.with({ source: file.name }) : error;
  }
}

/** What was asked for and what the first bytes say must agree. */
function encodingOf(
  start: Buffer,
  bom: Bom | undefined,
  wanted: CsvDialect['encoding'],
  source: string,
): Reading['encoding'] {
  const ascii = start.toString('latin1', 0, 8);
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
