import { CopylineError } from '@copyline/contracts';

import type { LocalFile } from './local-file.ts';

/**
 * Bytes read at a time. One window becomes one CopyData message; between 64 KiB and 1 MiB the speed
 * of COPY is the same, and three small windows stay in the processor's cache.
 */
const WINDOW_BYTES = 256 * 1024;
/** Room in front of a window for the record that the previous one broke off in. */
const HEADROOM_BYTES = 64 * 1024;
/** One window is on its way to the server, one is scanned, one is being read. */
const WINDOWS = 3;

/** A piece of a file that begins with a whole record. `buffer[to]` is free for a sentinel. */
export interface Window {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
  /** The bytes of the window that were not in the previous one. */
  readonly fresh: Buffer;
  /** Whether the file ends here. */
  readonly final: boolean;
}

interface Chunk {
  readonly buffer: Buffer;
  readonly bytes: number;
}

/**
 * Reads a file as windows, one ahead of the scanner. What the scanner leaves over of a window is
 * carried to the front of the next one. A window stays untouched until the one after the next is
 * asked for.
 *
 * Memory: three windows, and while a record is larger than the headroom, four times that record.
 */
export class WindowReader {
  readonly #file: LocalFile;
  readonly #buffers: Buffer[];
  #turn = 0;
  #position: number;
  #ahead: Promise<Chunk> | undefined;
  #window: Window | undefined;

  /** @param position first byte to read */
  constructor(file: LocalFile, position = 0) {
    this.#file = file;
    this.#position = position;
    const size = HEADROOM_BYTES + WINDOW_BYTES + 1;
    this.#buffers = Array.from({ length: WINDOWS }, () => Buffer.allocUnsafeSlow(size));
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * @param consumed bytes of the previous window that the scanner is done with
   * @returns `undefined` after the final window
   * @throws CopylineError `SOURCE_CHANGED` when the file ends before the size it had when opened
   */
  async next(consumed: number): Promise<Window | undefined> {
    const previous = this.#window;
    if (previous?.final === true) return undefined;
    const chunk = await (this.#ahead ?? this.#readAhead());
    this.#ahead = undefined;
    this.#position += chunk.bytes;
    const rest =
      previous === undefined
        ? Buffer.alloc(0)
        : previous.buffer.subarray(previous.from + consumed, previous.to);
    const window =
      rest.length <= HEADROOM_BYTES ? this.#prepend(rest, chunk) : await this.#enlarge(rest, chunk);
    this.#window = window;
    if (!window.final) {
      this.#ahead = this.#readAhead();
      // Its failure is thrown when the window is asked for.
      this.#ahead.catch(() => undefined);
    }
    return window;
  }

  async #readAhead(): Promise<Chunk> {
    const buffer = this.#buffers[this.#turn % WINDOWS] as Buffer;
    this.#turn += 1;
    const bytes = await this.#read(buffer, HEADROOM_BYTES, WINDOW_BYTES);
    return { buffer, bytes };
  }

  #prepend(rest: Buffer, { buffer, bytes }: Chunk): Window {
    const from = HEADROOM_BYTES - rest.length;
    rest.copy(buffer, from);
    const to = HEADROOM_BYTES + bytes;
    return { buffer, from, to, fresh: buffer.subarray(HEADROOM_BYTES, to), final: this.#atEnd };
  }

  /** A record larger than the headroom: each further window doubles what is read of it. */
  async #enlarge(rest: Buffer, chunk: Chunk): Promise<Window> {
    const more = Math.min(rest.length, this.#file.version.bytes - this.#position);
    const start = rest.length + chunk.bytes;
    const buffer = Buffer.allocUnsafeSlow(start + more + 1);
    rest.copy(buffer);
    chunk.buffer.copy(buffer, rest.length, HEADROOM_BYTES, HEADROOM_BYTES + chunk.bytes);
    const to = start + (await this.#read(buffer, start, more));
    this.#position += to - start;
    return { buffer, from: 0, to, fresh: buffer.subarray(rest.length, to), final: this.#atEnd };
  }

  async #read(buffer: Buffer, at: number, most: number): Promise<number> {
    const length = Math.min(most, this.#file.version.bytes - this.#position);
    const bytes = await this.#file.read(buffer, at, length, this.#position);
    if (bytes === length) return bytes;
    throw new CopylineError('SOURCE_CHANGED', 'The file became shorter while it was read', {
      source: this.#file.name,
    });
  }

  get #atEnd(): boolean {
    return this.#position >= this.#file.version.bytes;
  }
}
