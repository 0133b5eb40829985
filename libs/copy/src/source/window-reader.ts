import type { ByteFeed } from './byte-feed.ts';

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
  /** Whether the source ends here. */
  readonly final: boolean;
}

interface Chunk {
  readonly buffer: Buffer;
  readonly bytes: number;
  readonly atEnd: boolean;
  readonly fileBytesRead: number;
}

/**
 * Reads a source as windows, one ahead of the scanner. What the scanner leaves over of a window is
 * carried to the front of the next one. A window stays untouched until the one after the next is
 * asked for.
 *
 * Memory: three windows, and while a record is larger than the headroom, four times that record.
 */
export class WindowReader {
  readonly #feed: ByteFeed;
  readonly #buffers: Buffer[];
  #turn = 0;
  #fileBytesRead = 0;
  #ahead: Promise<Chunk> | undefined;
  #window: Window | undefined;

  constructor(feed: ByteFeed) {
    this.#feed = feed;
    const size = HEADROOM_BYTES + WINDOW_BYTES + 1;
    this.#buffers = Array.from({ length: WINDOWS }, () => Buffer.allocUnsafeSlow(size));
  }

  /** Bytes of the file that the windows so far were made of. */
  get fileBytesRead(): number {
    return this.#fileBytesRead;
  }

  /**
   * @param consumed bytes of the previous window that the scanner is done with
   * @returns `undefined` after the final window
   */
  async next(consumed: number): Promise<Window | undefined> {
    const previous = this.#window;
    if (previous?.final === true) return undefined;
    const chunk = await (this.#ahead ?? this.#readAhead());
    this.#ahead = undefined;
    this.#fileBytesRead = chunk.fileBytesRead;
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
    const bytes = await this.#feed.read(buffer, HEADROOM_BYTES, WINDOW_BYTES);
    const { atEnd, fileBytesRead } = this.#feed;
    return { buffer, bytes, atEnd, fileBytesRead };
  }

  #prepend(rest: Buffer, { buffer, bytes, atEnd }: Chunk): Window {
    const from = HEADROOM_BYTES - rest.length;
    rest.copy(buffer, from);
    return { buffer, from, to: HEADROOM_BYTES + bytes, final: atEnd };
  }

  /** A record larger than the headroom: each further window doubles what is read of it. */
  async #enlarge(rest: Buffer, chunk: Chunk): Promise<Window> {
    const more = Math.min(rest.length, this.#feed.bytesLeft);
    const start = rest.length + chunk.bytes;
    const buffer = Buffer.allocUnsafeSlow(start + more + 1);
    rest.copy(buffer);
    chunk.buffer.copy(buffer, rest.length, HEADROOM_BYTES, HEADROOM_BYTES + chunk.bytes);
    const to = start + (await this.#feed.read(buffer, start, more));
    this.#fileBytesRead = this.#feed.fileBytesRead;
    return { buffer, from: 0, to, final: this.#feed.atEnd };
  }
}
