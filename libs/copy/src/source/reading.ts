import { CopylineError, type CsvDialect } from '@copyline/contracts';

import { ChunkFeed, FileFeed, type ByteFeed } from './byte-feed.ts';
import { invalidIn } from './encode-back.ts';
import { FaultInFile, type JsonLayout } from './json-lines/json-layout.ts';
import { jsonAsCsv } from './json-lines/json-as-csv.ts';
import type { LocalFile } from './local-file.ts';
import { normaliseCsv } from './tolerant-csv.ts';
import { transcode } from './transcode.ts';
import type { Compression, UnpackLimits } from './unpack/compression.ts';
import { unpack } from './unpack/unpack.ts';

/** How a file becomes what the scanner reads: decided once, when its first bytes have been seen. */
export interface Reading {
  readonly format: 'csv' | 'jsonl' | 'parquet';
  readonly compression: Compression;
  readonly unpackLimits: UnpackLimits;
  readonly encoding: NonNullable<CsvDialect['encoding']>;
  /** Bytes of its byte order mark. */
  readonly bomBytes: number;
  /** Where the footer begins, else the end of the file: in bytes of the file as it lies. */
  readonly end: number;
  /** A dialect that is written anew for the scanner; `undefined` where it reads the file as it is. */
  readonly tolerant: { readonly dialect: CsvDialect; readonly maxRecordBytes: number } | undefined;
  /** How objects of JSON Lines become records; `undefined` until their keys are known. */
  readonly json: JsonLayout | undefined;
}

/** Whether the scanner's offsets are those of the file, unpacked. */
export function hasFileOffsets({ encoding, format, tolerant }: Reading): boolean {
  return encoding === 'utf-8' && format !== 'jsonl' && tolerant === undefined;
}

/** Whether the scanner reads the file's own bytes. */
export function isReadAsItIs(reading: Reading): boolean {
  return reading.format === 'csv' && reading.compression === 'none' && hasFileOffsets(reading);
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
  const { tolerant, json } = reading;
  if (hasFileOffsets(reading)) return openContent(file, reading, from, onBytes);
  const text = openText(file, reading, onBytes);
  if (json !== undefined) return new ChunkFeed(jsonAsCsv(text, json), text, from);
  if (tolerant === undefined) return skipping(text, from);
  const { dialect, maxRecordBytes } = tolerant;
  return new ChunkFeed(normaliseCsv(text, dialect, maxRecordBytes), text, from);
}

/** The content of a file as UTF-8, without its byte order mark. */
export function openText(
  file: LocalFile,
  reading: Reading,
  onBytes?: (bytes: Buffer) => void,
): ByteFeed {
  const { encoding, bomBytes } = reading;
  const raw = openContent(file, reading, 0, onBytes);
  return new ChunkFeed(
    encoding === 'utf-8' ? unchanged(raw) : transcode(raw, encoding),
    raw,
    // In UTF-8, which it is by now.
    bomBytes === 0 ? 0 : UTF8_BOM_BYTES,
  );
}

/**
 * The bytes of a file, unpacked, before anything is made of them. What is packed has no places: to begin
 * at one, everything before is unpacked again.
 */
export function openContent(
  file: LocalFile,
  { compression, unpackLimits, end }: Pick<Reading, 'compression' | 'unpackLimits' | 'end'>,
  from = 0,
  onBytes?: (bytes: Buffer) => void,
): ByteFeed {
  if (compression === 'none') return new FileFeed(file, from, end, onBytes);
  const packed = new FileFeed(file);
  return new ChunkFeed(unpack(packed, compression, unpackLimits, onBytes), packed, from);
}

/** Reads from a place of the unpacked content, counted as it lies there. @returns the bytes read */
export async function readContent(
  file: LocalFile,
  reading: Pick<Reading, 'compression' | 'unpackLimits' | 'end'>,
  buffer: Buffer,
  position: number,
): Promise<number> {
  if (reading.compression === 'none') return file.read(buffer, 0, buffer.length, position);
  return openContent(file, reading, position).read(buffer, 0, buffer.length);
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
  if (hasFileOffsets(reading) || error instanceof FaultInFile) return error;
  const { byteOffset: _, ...place } = error.place;
  const { sqlstate, commitState, phase, cause, located } = error;
  const isForeign = error.code === 'INVALID_UTF8' && reading.encoding !== 'utf-8';
  return new CopylineError(
    isForeign ? 'INVALID_ENCODING' : error.code,
    isForeign ? invalidIn(reading.encoding) : error.message,
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
