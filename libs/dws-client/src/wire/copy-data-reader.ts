/** Letters of the messages that matter here. Source: PostgreSQL documentation, "Message Formats". */
const COPY_DATA = 0x64; // d
const COPY_OUT_RESPONSE = 0x48; // H
const COPY_DONE = 0x63; // c
const READY_FOR_QUERY = 0x5a; // Z

/** A letter, and a length that counts itself. */
const HEADER_BYTES = 5;

/** Below this, moving byte by byte is faster than a call to `copyWithin`. */
const SMALL_MOVE_BYTES = 32;

export interface CopyDataSink {
  /**
   * Payload of CopyData messages, headers taken out. The buffer is the receiver's to keep. `ends`
   * tells where the messages that end in it do; only in whole messages, else it is empty.
   */
  onData(payload: Buffer, ends: readonly number[]): void;
  /** Bytes of any other message, or a part of one. */
  onOther(bytes: Buffer): void;
  /** The server has begun to copy, and has sent all. */
  onBegin(): void;
  onDone(): void;
  /** The answer ends here: these bytes begin with ReadyForQuery. */
  onReady(rest: Buffer): void;
}

/**
 * Parts the answer to a COPY … TO STDOUT into its data and everything else, however the bytes
 * arrive. Payload is moved together inside the chunk it came in: nothing is allocated per row.
 *
 * With `wholeMessages` data is handed on in whole messages only. The server sends one per row
 * (PostgreSQL documentation, "COPY Operations"), so those are whole rows.
 */
export class CopyDataReader {
  /** CopyData messages that have come to their end. */
  messages = 0;
  readonly #sink: CopyDataSink;
  readonly #wholeMessages: boolean;
  /** The beginning of a header that the end of a chunk has cut. */
  #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  /** What is left of the message that is being read. */
  #left = 0;
  #isData = false;
  /** With `wholeMessages`: the beginning of a row whose end has not come. */
  #held: Buffer[] = [];
  /** With `wholeMessages`: where the messages in the chunk end, once moved together. */
  #ends: number[] = [];

  constructor(sink: CopyDataSink, wholeMessages: boolean) {
    this.#sink = sink;
    this.#wholeMessages = wholeMessages;
  }

  read(chunk: Buffer): void {
    let at = 0;
    // chunk[first, last) is payload that has been moved together; [first, whole) are whole messages.
    let first = 0;
    let last = 0;
    let whole = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const size = Math.min(this.#left, chunk.length - at);
        this.#left -= size;
        if (this.#isData) {
          move(chunk, at, last, size);
          last += size;
          if (this.#left === 0) {
            whole = last;
            this.messages += 1;
            if (this.#wholeMessages) this.#ends.push(whole);
          }
        } else {
          this.#sink.onOther(Buffer.from(chunk.subarray(at, at + size)));
          first = last = whole = at + size;
        }
        at += size;
        continue;
      }
      const header = at;
      at = this.#takeHeader(chunk, at);
      if (this.#headerBytes > 0) break; // cut by the end of the chunk
      const letter = this.#header[0];
      if (letter === COPY_DATA) {
        this.#isData = true;
        if (this.#left === 0) whole = last;
        continue;
      }
      this.#isData = false;
      this.#give(chunk, first, last, whole);
      first = last = whole = at;
      if (letter === READY_FOR_QUERY) {
        // Of the header the beginning may have come with an earlier chunk.
        const taken = at - header;
        const start = this.#header.subarray(0, HEADER_BYTES - taken);
        this.#sink.onReady(Buffer.concat([start, chunk.subarray(header)]));
        return;
      }
      if (letter === COPY_OUT_RESPONSE) this.#sink.onBegin();
      if (letter === COPY_DONE) this.#sink.onDone();
      this.#sink.onOther(Buffer.from(this.#header));
    }
    this.#give(chunk, first, last, whole);
  }

  /** @returns where the message's body begins, or the end of the chunk */
  #takeHeader(chunk: Buffer, at: number): number {
    if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
      // The common case. Only the letter is needed of data's headers.
      this.#left = chunk.readUInt32BE(at + 1) - 4;
      const letter = chunk[at] as number;
      this.#header[0] = letter;
      if (letter !== COPY_DATA) chunk.copy(this.#header, 0, at, at + HEADER_BYTES);
      return at + HEADER_BYTES;
    }
    const size = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
    chunk.copy(this.#header, this.#headerBytes, at, at + size);
    this.#headerBytes += size;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#left = this.#header.readUInt32BE(1) - 4;
    }
    return at + size;
  }

  #give(chunk: Buffer, first: number, last: number, whole: number): void {
    if (!this.#wholeMessages) {
      if (last > first) this.#sink.onData(chunk.subarray(first, last), []);
      return;
    }
    if (whole > first) {
      const rows = chunk.subarray(first, whole);
      const piece = this.#held.length === 0 ? rows : Buffer.concat([...this.#held, rows]);
      const moved = piece.length - whole;
      const ends = this.#ends;
      if (moved !== 0) for (let i = 0; i < ends.length; i += 1) ends[i] = (ends[i] ?? 0) + moved;
      this.#ends = [];
      this.#held = [];
      this.#sink.onData(piece, ends);
    }
    if (last > whole) this.#held.push(chunk.subarray(whole, last));
  }
}

/** Moves bytes to the left inside a buffer. */
function move(buffer: Buffer, from: number, to: number, size: number): void {
  if (from === to) return;
  if (size >= SMALL_MOVE_BYTES) {
    buffer.copyWithin(to, from, from + size);
    return;
  }
  for (let i = 0; i < size; i += 1) buffer[to + i] = buffer[from + i] as number;
}
