import type { ByteFeed } from '../byte-feed.ts';

const BLOCK_BYTES = 128 * 1024;
const LF = 0x0a;

/** Some lines of a text, each with its line feed, but for the last one of the file. */
export interface Lines {
  /** Valid until the next ones are asked for. */
  readonly bytes: Buffer;
  /** Where they begin in the text. */
  readonly offset: number;
  /** They are the beginning of one line that is too long; nothing follows. */
  readonly isTooLong: boolean;
}

/** The lines of a text in blocks. Memory: twice the longest line. */
export async function* wholeLines(
  feed: ByteFeed,
  maxLineBytes: number,
): AsyncGenerator<Lines, void> {
  let buffer: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let end = 0;
  let offset = 0;
  for (;;) {
    const from = end;
    end += await feed.read(buffer, end, buffer.length - end);
    const last = feed.atEnd ? end : buffer.lastIndexOf(LF, end - 1) + 1;
    const whole = last > from || feed.atEnd ? last : 0;
    yield { bytes: buffer.subarray(0, whole), offset, isTooLong: false };
    buffer.copyWithin(0, whole, end);
    offset += whole;
    end -= whole;
    if (feed.atEnd) return;
    if (end > maxLineBytes) {
      yield { bytes: buffer.subarray(0, end), offset, isTooLong: true };
      return;
    }
    if (end > buffer.length / 2) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)]);
  }
}
