import { readSync } from 'node:fs';

import { ParquetFault } from './parquet-fault.ts';

/** Read at a time, of each column: pages are seldom larger when packed, columns may be many. */
const BLOCK_BYTES = 128 * 1024;

/** The bytes of one column chunk, from its first to its last. */
export class ChunkBytes {
  /** Offset in the file of what is read next. */
  at: number;
  readonly end: number;
  readonly #fd: number;
  #block: Buffer = Buffer.alloc(0);
  #blockStart = 0;

  constructor(fd: number, start: number, bytes: number) {
    this.#fd = fd;
    this.at = start;
    this.end = start + bytes;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** The next bytes without passing over them; fewer at the end only. They stay as they are. */
  peek(length: number): Buffer {
    const wanted = Math.min(length, this.left);
    const from = this.at - this.#blockStart;
    if (from < 0 || from + wanted > this.#block.length) {
      this.#read(Math.min(Math.max(wanted, BLOCK_BYTES), this.left));
      return this.#block.subarray(0, wanted);
    }
    return this.#block.subarray(from, from + wanted);
  }

  #read(length: number): void {
    // A new one each time: values of pages that are not packed stay where they are.
    const block = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const bytes = readSync(this.#fd, block, done, length - done, this.at + done);
      if (bytes === 0) {
        throw new ParquetFault('SOURCE_CHANGED', 'The file became shorter while it was read');
      }
      done += bytes;
    }
    this.#block = block;
    this.#blockStart = this.at;
  }
}
