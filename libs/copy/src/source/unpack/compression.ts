/** How a file is packed. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2';

/** How far a file may unfold. */
export interface UnpackLimits {
  readonly maxUnpackedBytes: number;
  /** Unpacked bytes for each byte of the file. */
  readonly maxUnpackRatio: number;
}

/** A frame of zstd, and one that decoders skip (0x184D2A5?), which may come first. */
const ZSTD_FRAME = 0xfd2fb528;
const ZSTD_SKIPPABLE = 0x184d2a50;

/** What the first bytes say, whatever the name of the file is. */
export function compressionOf(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start.length >= 4) {
    const magic = start.readUInt32LE(0);
    if (magic === ZSTD_FRAME || isSkippableFrame(magic)) return 'zstd';
  }
  // `BZh`, a digit, then the magic of a block or of the end: three letters alone may begin a header.
  // eslint-disable-next-line no-control-regex -- the magic has one
  if (/^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/.test(start.toString('latin1'))) return 'bzip2';
  return 'none';
}

export function isSkippableFrame(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === ZSTD_SKIPPABLE;
}

export function isZstdFrame(magic: number): boolean {
  return magic === ZSTD_FRAME;
}
