import type { ByteFeed } from '../byte-feed.ts';

/**
 * Bytes read from a file at a time. Small, because what a block unfolds to is held as a whole where a
 * decoder gives it out at once.
 */
const BLOCK_BYTES = 64 * 1024;

/** What is wrong with the archive itself. */
export class ArchiveFault extends Error {}

/** The bytes of an archive, block by block or in pieces of a wanted size. */
export class PackedBytes {
  readonly #feed: ByteFeed;
  #block: Buffer = Buffer.alloc(0);

  constructor(feed: ByteFeed) {
    this.#feed = feed;
  }

  /** Whether the archive ends here. */
  async isOver(): Promise<boolean> {
    return !(await this.#fill());
  }

  /** Some bytes, at most `length`; none at the end. */
  async some(length = Infinity): Promise<Buffer> {
    if (!(await this.#fill())) return Buffer.alloc(0);
    const bytes = this.#block.subarray(0, Math.min(length, this.#block.length));
    this.#block = this.#block.subarray(bytes.length);
    return bytes;
  }

  /** @throws ArchiveFault when there are not so many bytes left */
  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0;) {
      const part = await this.some(left);
      if (part.length === 0) throw new ArchiveFault('it ends early');
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  async #fill(): Promise<boolean> {
    while (this.#block.length === 0 && !this.#feed.atEnd) {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#block = block.subarray(0, await this.#feed.read(block, 0, block.length));
    }
    return this.#block.length > 0;
  }
}
