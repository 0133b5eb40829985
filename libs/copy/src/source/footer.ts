import type { CsvDialect } from '@copyline/contracts';

import type { LocalFile } from './local-file.ts';

const BLOCK_BYTES = 64 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Where the last lines of a file begin, found from its end. Lines end in LF, or in CR in a file whose last
 * 64 KiB have no LF.
 */
export async function footerStart(
  file: LocalFile,
  lines: number,
  encoding: NonNullable<CsvDialect['encoding']>,
): Promise<number> {
  const { bytes } = file.version;
  if (lines === 0) return bytes;
  const width = encoding.startsWith('utf-16') ? 2 : 1;
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let wanted: number | undefined;
  let found = 0;
  for (let end = bytes - (bytes % width); end > 0;) {
    const start = Math.max(end - BLOCK_BYTES, 0);
    const part = block.subarray(0, await file.read(block, 0, end - start, start));
    const unitAt = (p: number): number =>
      width === 1
        ? (part[p] as number)
        : encoding === 'utf-16le'
          ? part.readUInt16LE(p)
          : part.readUInt16BE(p);
    wanted ??= hasUnit(part, width, unitAt, LF) ? LF : CR;
    for (let p = part.length - width; p >= 0; p -= width) {
      const at = start + p + width;
      // The line end of the last line is no line more.
      if (unitAt(p) !== wanted || at >= bytes) continue;
      found += 1;
      if (found === lines) return at;
    }
    end = start;
  }
  return 0;
}

function hasUnit(
  part: Buffer,
  width: number,
  unitAt: (p: number) => number,
  wanted: number,
): boolean {
  for (let p = 0; p + width <= part.length; p += width) if (unitAt(p) === wanted) return true;
  return false;
}
