import { Decompress } from 'fzstd';
import { createXXHash64 } from 'hash-wasm';

import { isSkippableFrame, isZstdFrame } from './compression.ts';
import { ArchiveFault, type PackedBytes } from './packed-bytes.ts';

/** What zstd itself takes unless it is told otherwise (`--long=27`): a frame may ask for more. */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024;
/** The largest block that the format allows. */
const MAX_BLOCK_BYTES = 128 * 1024;

/**
 * Unpacks zstd, all frames of it, block by block. fzstd decodes the blocks; it neither checks the
 * checksums nor says where a frame ends, so the frames are taken apart here.
 *
 * Source: RFC 8878, section 3.
 */
export async function* unzstd(packed: PackedBytes): AsyncGenerator<Buffer, void> {
  while (!(await packed.isOver())) {
    const magic = await packed.exactly(4);
    const number = magic.readUInt32LE(0);
    if (isSkippableFrame(number)) await skip(packed, (await packed.exactly(4)).readUInt32LE(0));
    else if (isZstdFrame(number)) yield* unpackFrame(packed, magic);
    else throw new ArchiveFault('something else stands behind it');
  }
}

async function* unpackFrame(packed: PackedBytes, magic: Buffer): AsyncGenerator<Buffer, void> {
  const { bytes, hasChecksum, contentBytes } = await readHeader(packed);
  const sum = hasChecksum ? (await createXXHash64()).init() : undefined;
  let unpacked = 0;
  let chunks: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    // fzstd keeps its window in what it gives out, and moves it later.
    if (chunk.length > 0) chunks.push(Buffer.from(chunk));
  });
  const decode = function* (block: Buffer, isLast: boolean): Generator<Buffer, void> {
    try {
      decoder.push(block, isLast);
    } catch (cause) {
      throw new ArchiveFault('a block of it is damaged', { cause });
    }
    const made = chunks;
    chunks = [];
    for (const chunk of made) {
      unpacked += chunk.length;
      sum?.update(chunk);
      yield chunk as Buffer;
    }
  };
  yield* decode(Buffer.concat([magic, bytes]), false);
  for (let isLast = false; !isLast;) {
    const header = await packed.exactly(3);
    const fields = header.readUIntLE(0, 3);
    const type = (fields >> 1) & 3;
    const size = fields >> 3;
    isLast = (fields & 1) === 1;
    if (type === 3 || size > MAX_BLOCK_BYTES) throw new ArchiveFault('a block of it is damaged');
    // Of a run (type 1) only the byte is there.
    const block = await packed.exactly(type === 1 ? 1 : size);
    const checksum = isLast && hasChecksum ? await packed.exactly(4) : Buffer.alloc(0);
    yield* decode(Buffer.concat([header, block, checksum]), isLast);
    if (sum !== undefined && isLast) {
      const expected = checksum.readUInt32LE(0).toString(16).padStart(8, '0');
      if (!sum.digest('hex').endsWith(expected)) throw new ArchiveFault('its checksum is wrong');
    }
  }
  if (contentBytes !== undefined && contentBytes !== BigInt(unpacked)) {
    throw new ArchiveFault('it has another size than it says');
  }
}

async function readHeader(packed: PackedBytes): Promise<{
  readonly bytes: Buffer;
  readonly hasChecksum: boolean;
  readonly contentBytes: bigint | undefined;
}> {
  const descriptor = await packed.exactly(1);
  const flags = descriptor[0] as number;
  const isSingle = (flags & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  if ((flags & 0x08) !== 0) throw new ArchiveFault('its header is damaged');
  const window = await packed.exactly(isSingle ? 0 : 1);
  const dictionary = await packed.exactly(dictionaryBytes);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new ArchiveFault('it needs a dictionary, which cannot be given');
  }
  const size = await packed.exactly(sizeBytes);
  const contentBytes =
    sizeBytes === 0
      ? undefined
      : sizeBytes === 8
        ? size.readBigUInt64LE(0)
        : BigInt(size.readUIntLE(0, sizeBytes) + (sizeBytes === 2 ? 256 : 0));
  const windowBytes = isSingle ? Number(contentBytes) : windowSizeOf(window[0] as number);
  if (windowBytes > MAX_WINDOW_BYTES) {
    throw new ArchiveFault(`it needs a window of ${String(windowBytes)} bytes`);
  }
  const bytes = Buffer.concat([descriptor, window, dictionary, size]);
  return { bytes, hasChecksum: (flags & 0x04) !== 0, contentBytes };
}

function windowSizeOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

async function skip(packed: PackedBytes, bytes: number): Promise<void> {
  for (let left = bytes; left > 0;) {
    const part = await packed.some(left);
    if (part.length === 0) throw new ArchiveFault('it ends early');
    left -= part.length;
  }
}
