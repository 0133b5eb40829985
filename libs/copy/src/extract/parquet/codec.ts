import type { CompressionCodec } from 'hyparquet';

import { loadZstd } from '../../zstd.ts';

/** How pages are packed: its name in the file, and the work. */
export interface Codec {
  readonly name: CompressionCodec;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

export type ParquetCompression = 'none' | 'snappy' | 'zstd';

/** The fastest level: on pages it packs nearly as well as the default, for three quarters of the time. */
const ZSTD_LEVEL = 1;

/**
 * Above it a page (one huge value) is packed by an instance of its own: the memory of WebAssembly
 * grows, and never shrinks.
 */
const LARGE_BYTES = 16 * 1024 * 1024;

/** Loads what a method needs, when it is needed: starts of the program do without. */
export async function openCodec(compression: ParquetCompression): Promise<Codec> {
  if (compression === 'snappy') {
    const { snappyCompress, snappyCompressor } = await import('hysnappy');
    const compress = snappyCompressor();
    return {
      name: 'SNAPPY',
      compress: (bytes) => (bytes.length > LARGE_BYTES ? snappyCompress : compress)(bytes),
    };
  }
  if (compression === 'zstd') {
    const { compress } = await loadZstd();
    return { name: 'ZSTD', compress: (bytes) => compress(bytes, ZSTD_LEVEL) };
  }
  return { name: 'UNCOMPRESSED', compress: (bytes) => bytes };
}
