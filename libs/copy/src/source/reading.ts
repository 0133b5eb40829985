import { CopylineError, type CsvDialect } from '@copyline/contracts';

import { ChunkFeed, FileFeed, type ByteFeed } from './byte-feed.ts';
import type { LocalFile } from './local-file.ts';
import { normaliseCsv } from './tolerant-csv.ts';
import { transcode } from './transcode.ts';

/** How a file becomes what the scanner reads: decided once, when its first bytes have been seen. */
export interface Reading {
  readonly encoding: NonNullable<CsvDialect['encoding']>;
  /** Bytes of its byte order mark. */
  readonly bomBytes: number;
  /** Where the footer begins, else the end of the file. */
  readonly end: number;
  /** A dialect that is written anew for the scanner; `undefined` where it reads the file as it is. */
  readonly tolerant: { readonly dialect: CsvDialect; readonly maxRecordBytes: number } | undefined;
}

/** Whether the scanner's offsets are those of the file. */
export function hasFileOffsets({ encoding, tolerant }: Reading): boolean {
  return encoding === 'utf-8' && tolerant === undefined;
}

/**
 * The bytes that the scanner reads.
 *
 * @param from where to begin, counted as the scanner counts. Where its offsets are not the file's,
 *   everything before is read again
 * @param onBytes is shown every byte of the file
 */
export function openFeed(
  file: LocalFile,
  reading: Reading,
  from = 0,
  onBytes?: (bytes: Buffer) => void,
): ByteFeed {
  const { encoding, bomBytes, end, tolerant } = reading;
  if (hasFileOffsets(reading)) return new FileFeed(file, from, end, onBytes);
  const raw = new FileFeed(file, 0, end, onBytes);
  const text = new ChunkFeed(
    encoding === 'utf-8' ? unchanged(raw) : transcode(raw, encoding),
    raw,
    // In UTF-8, which it is by now.
    bomBytes === 0 ? 0 : UTF8_BOM_BYTES,
  );
  if (tolerant === undefined) return skipping(text, from);
  const { dialect, maxRecordBytes } = tolerant;
  return new ChunkFeed(normaliseCsv(text, dialect, maxRecordBytes), raw, from);
}

const UTF8_BOM_BYTES = 3;

function skipping(feed: ByteFeed, bytes: number): ByteFeed {
  return bytes === 0 ? feed : new ChunkFeed(unchanged(feed), feed, bytes);
}

const BLOCK_BYTES = 128 * 1024;

async function* unchanged(feed: ByteFeed): AsyncGenerator<Buffer, void> {
  while (!feed.atEnd) {
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    yield block.subarray(0, await feed.read(block, 0, block.length));
  }
}

/** The scanner's error as one of the file: it speaks of UTF-8, and of offsets that the file may not have. */
export function errorInFile(error: CopylineError, reading: Reading): CopylineError {
  if (hasFileOffsets(reading)) return error;
  const { byteOffset: _, ...place } = error.place;
  const { sqlstate, commitState, phase, cause, located } = error;
  const isForeign = error.code === 'INVALID_UTF8' && reading.encoding !== 'utf-8';
  return new CopylineError(
    isForeign ? 'INVALID_ENCODING' : error.code,
    isForeign ? `Bytes that are not valid in ${reading.encoding}` : error.message,
    {
      ...place,
      ...(isForeign ? { expected: reading.encoding } : { advice: error.advice }),
      ...(sqlstate === undefined ? {} : { sqlstate }),
      ...(phase === undefined ? {} : { phase }),
      commitState,
      cause,
      located,
    },
  );
}
