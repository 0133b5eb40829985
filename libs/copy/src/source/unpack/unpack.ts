import { CopylineError } from '@copyline/contracts';

import type { ByteFeed } from '../byte-feed.ts';
import { bunzip2 } from './bunzip2.ts';
import type { Compression, UnpackLimits } from './compression.ts';
import { gunzip } from './gunzip.ts';
import { ArchiveFault, PackedBytes } from './packed-bytes.ts';
import { unzstd } from './unzstd.ts';

/** Nobody is harmed by less, however small the archive was. */
const HARMLESS_BYTES = 64 * 1024 * 1024;

const UNPACKERS = { gzip: gunzip, zstd: unzstd, bzip2: bunzip2 } as const;

/**
 * Unpacks a file as it is read: nothing is done that nobody asks for.
 *
 * @param onBytes is shown every unpacked byte
 * @throws CopylineError `ARCHIVE_CORRUPT` where it is damaged, ends early or goes on as something else;
 *   `ARCHIVE_TOO_LARGE`. Both have the place in the unpacked content
 */
export async function* unpack(
  file: ByteFeed,
  compression: Exclude<Compression, 'none'>,
  limits: UnpackLimits,
  onBytes: ((bytes: Buffer) => void) | undefined,
): AsyncGenerator<Buffer, void> {
  let byteOffset = 0;
  try {
    for await (const chunk of UNPACKERS[compression](new PackedBytes(file))) {
      byteOffset += chunk.length;
      assertWithin(limits, byteOffset, file.fileBytesRead);
      onBytes?.(chunk);
      yield chunk;
    }
  } catch (cause) {
    if (!(cause instanceof ArchiveFault)) throw cause;
    throw new CopylineError(
      'ARCHIVE_CORRUPT',
      `The ${compression} data is damaged: ${cause.message}`,
      {
        cause,
        byteOffset,
      },
    );
  }
}

function assertWithin(limits: UnpackLimits, unpacked: number, packed: number): void {
  const { maxUnpackedBytes, maxUnpackRatio } = limits;
  const isTooDense = unpacked > HARMLESS_BYTES && unpacked > packed * maxUnpackRatio;
  if (unpacked <= maxUnpackedBytes && !isTooDense) return;
  const limit = isTooDense
    ? `${String(maxUnpackRatio)} times its size`
    : `${String(maxUnpackedBytes)} bytes`;
  throw new CopylineError(
    'ARCHIVE_TOO_LARGE',
    `The file unfolds to more than ${limit}: ${String(packed)} bytes of it are ${String(unpacked)} already`,
    {
      byteOffset: unpacked,
      advice: isTooDense
        ? 'If that is right, raise --max-unpack-ratio.'
        : 'If that is right, raise --max-unpacked-size.',
    },
  );
}
