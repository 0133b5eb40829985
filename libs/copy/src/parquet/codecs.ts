import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { loadZstd } from '../zstd.ts';
import { invalid, ParquetFault } from './parquet-fault.ts';

/** Unpacks a page. The result has exactly so many bytes, and may share the memory of the page. */
export type Unpack = (bytes: Buffer, length: number) => Buffer;

/** Of `CompressionCodec`, by number. Source: apache/parquet-format, parquet.thrift. */
const NAMES = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'];

/**
 * Above it a page is unpacked by an instance of its own: the memory of WebAssembly grows, and never
 * shrinks.
 */
const LARGE_BYTES = 16 * 1024 * 1024;

/** Loads what the codecs need. @throws ParquetFault `PARQUET_UNSUPPORTED` */
export async function openCodecs(numbers: Iterable<number>): Promise<ReadonlyMap<number, Unpack>> {
  const codecs = new Map<number, Unpack>();
  for (const number of new Set(numbers)) codecs.set(number, checked(await openCodec(number)));
  return codecs;
}

async function openCodec(number: number): Promise<Unpack> {
  switch (NAMES[number]) {
    case 'UNCOMPRESSED':
      return (bytes) => bytes;
    case 'SNAPPY': {
      const { snappyUncompress, snappyUncompressor } = await import('hysnappy');
      const unpack = snappyUncompressor();
      return (bytes, length) =>
        asBuffer((length > LARGE_BYTES ? snappyUncompress : unpack)(bytes, length));
    }
    case 'GZIP':
      return (bytes, length) => gunzipSync(bytes, { maxOutputLength: Math.max(length, 1) });
    case 'BROTLI':
      return (bytes, length) =>
        brotliDecompressSync(bytes, { maxOutputLength: Math.max(length, 1) });
    case 'ZSTD': {
      const { decompress } = await loadZstd();
      return (bytes, length) => {
        assertZstdSize(bytes, length);
        return asBuffer(decompress(bytes, { defaultHeapSize: Math.max(length, 1) }));
      };
    }
    case 'LZ4_RAW':
      return unpackLz4;
    default: {
      const name = NAMES[number] ?? `codec ${String(number)}`;
      throw new ParquetFault('PARQUET_UNSUPPORTED', `Its pages are packed with ${name}`);
    }
  }
}

function checked(unpack: Unpack): Unpack {
  return (bytes, length) => {
    let unpacked: Buffer;
    try {
      unpacked = unpack(bytes, length);
    } catch (error) {
      if (error instanceof ParquetFault) throw error;
      throw invalid('a page cannot be unpacked');
    }
    if (unpacked.length !== length) {
      throw invalid(
        `a page has ${String(unpacked.length)} bytes when unpacked, its header says ${String(length)}`,
      );
    }
    return unpacked;
  };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_SIZE_BYTES = [0, 2, 4, 8];

/**
 * The library makes room for what the frame says: it must say what the page does, if anything.
 *
 * Source: RFC 8878, 3.1.1.1.
 */
function assertZstdSize(bytes: Buffer, length: number): void {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== ZSTD_MAGIC) {
    throw invalid('a page is no zstd data');
  }
  const descriptor = bytes[4] as number;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeBytes = descriptor >>> 6 === 0 && isSingle ? 1 : ZSTD_SIZE_BYTES[descriptor >>> 6];
  const at = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (sizeBytes === undefined || sizeBytes === 0) return;
  if (at + sizeBytes > bytes.length) throw invalid('a page is no zstd data');
  const size =
    sizeBytes === 8
      ? Number(bytes.readBigUInt64LE(at))
      : bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  if (size > length) throw invalid('a page is larger than its header says');
}

/** Source: lz4/lz4, doc/lz4_Block_format.md. */
function unpackLz4(bytes: Buffer, length: number): Buffer {
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  let to = 0;
  const more = (first: number): number => {
    let size = first;
    if (first !== 15) return size;
    for (let byte = 255; byte === 255; at += 1) {
      if (at >= bytes.length) throw invalid('a page is no LZ4 data');
      byte = bytes[at] as number;
      size += byte;
    }
    return size;
  };
  while (at < bytes.length) {
    const token = bytes[at] as number;
    at += 1;
    const literals = more(token >>> 4);
    if (at + literals > bytes.length || to + literals > length) {
      throw invalid('a page is no LZ4 data');
    }
    bytes.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    if (at >= bytes.length) break;
    const distance = (bytes[at] as number) + ((bytes[at + 1] ?? 0) << 8);
    at += 2;
    const match = more(token & 15) + 4;
    if (distance === 0 || distance > to || to + match > length) {
      throw invalid('a page is no LZ4 data');
    }
    // A match may overlap what it makes.
    for (const end = to + match; to < end; to += 1) out[to] = out[to - distance] as number;
  }
  return out.subarray(0, to);
}
