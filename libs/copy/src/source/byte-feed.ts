import { CopylineError } from '@copyline/contracts';

import type { LocalFile } from './local-file.ts';

/** Bytes in their order, however they come about. */
export interface ByteFeed {
  /** Fills `buffer[at…at+length)`. @returns the bytes read; fewer than `length` at the end only */
  read(buffer: Buffer, at: number, length: number): Promise<number>;
  /** Whether there is nothing more to read. */
  readonly atEnd: boolean;
  /** How many bytes there are at most. */
  readonly bytesLeft: number;
  /** Bytes of the file that have been read so far. */
  readonly fileBytesRead: number;
}

/** A part of a file that is skipped is read in blocks of this size where it is digested all the same. */
const BLOCK_BYTES = 256 * 1024;

/** The bytes of a file, or of a part of it. */
export class FileFeed implements ByteFeed {
  readonly #file: LocalFile;
  readonly #to: number;
  readonly #onBytes: ((bytes: Buffer) => void) | undefined;
  #position: number;

  /**
   * @param onBytes is shown every byte from `from` to the end of the file, those behind `to` included
   */
  constructor(
    file: LocalFile,
    from = 0,
    to = file.version.bytes,
    onBytes?: (bytes: Buffer) => void,
  ) {
    this.#file = file;
    this.#position = from;
    this.#to = Math.max(to, from);
    this.#onBytes = onBytes;
  }

  get atEnd(): boolean {
    return this.#position >= this.#to;
  }

  get bytesLeft(): number {
    return Math.max(this.#to - this.#position, 0);
  }

  get fileBytesRead(): number {
    return this.#position;
  }

  /** @throws CopylineError `SOURCE_CHANGED` when the file ends before the size it had when opened */
  async read(buffer: Buffer, at: number, length: number): Promise<number> {
    const bytes = await this.#read(buffer, at, Math.min(length, this.bytesLeft));
    // The footer, too, is read to its end: so a file that has lost some of it does not go unnoticed.
    if (this.atEnd) await this.#readRest();
    return bytes;
  }

  async #read(buffer: Buffer, at: number, length: number): Promise<number> {
    if (length === 0) return 0;
    const bytes = await this.#file.read(buffer, at, length, this.#position);
    if (bytes < length) {
      throw new CopylineError('SOURCE_CHANGED', 'The file became shorter while it was read', {
        source: this.#file.name,
      });
    }
    this.#position += bytes;
    this.#onBytes?.(buffer.subarray(at, at + bytes));
    return bytes;
  }

  async #readRest(): Promise<void> {
    const { bytes } = this.#file.version;
    if (this.#position >= bytes) return;
    const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, bytes - this.#position));
    while (this.#position < bytes) {
      await this.#read(block, 0, Math.min(block.length, bytes - this.#position));
    }
  }
}

/** What is made of a file's bytes, chunk by chunk. */
export class ChunkFeed implements ByteFeed {
  readonly bytesLeft = Infinity;
  readonly #chunks: AsyncIterator<Buffer, void>;
  readonly #file: ByteFeed;
  #skip: number;
  #chunk: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** @param skip bytes that are made and thrown away first */
  constructor(chunks: AsyncIterator<Buffer, void>, file: ByteFeed, skip = 0) {
    this.#chunks = chunks;
    this.#file = file;
    this.#skip = skip;
  }

  get atEnd(): boolean {
    return this.#isOver;
  }

  get fileBytesRead(): number {
    return this.#file.fileBytesRead;
  }

  async read(buffer: Buffer, at: number, length: number): Promise<number> {
    let done = 0;
    // One look ahead at the end, so that `atEnd` is known.
    while ((await this.#hasMore()) && done < length) {
      const bytes = this.#chunk.copy(buffer, at + done, 0, length - done);
      this.#chunk = this.#chunk.subarray(bytes);
      done += bytes;
    }
    return done;
  }

  async #hasMore(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#isOver) {
      const next = await this.#chunks.next();
      this.#isOver = next.done === true;
      const chunk = next.value ?? Buffer.alloc(0);
      const skipped = Math.min(this.#skip, chunk.length);
      this.#skip -= skipped;
      this.#chunk = chunk.subarray(skipped);
    }
    return !this.#isOver;
  }
}
