/** Which way bytes travel through the proxy. */
export type Direction = 'toServer' | 'toClient';

/**
 * One protocol message. `type` is the message's letter, or a word where the protocol has none:
 * the packets before the session starts, the one-byte answer to an SSL request, and `opaque` for
 * bytes nobody can read any more.
 */
export interface Frame {
  readonly type: string;
  /** The whole message, header included. */
  readonly bytes: Buffer;
}

/** A FrameSplitter reads a stream in one of these ways. */
type Mode = 'untyped' | 'typed' | 'answer-byte' | 'opaque';

const PACKET_NAMES = new Map([
  [80_877_102, 'cancelRequest'],
  [80_877_103, 'sslRequest'],
  [80_877_104, 'gssRequest'],
]);

/** Cuts one direction of a connection into whole messages, however the bytes arrive. */
export class FrameSplitter {
  #mode: Mode;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Not worth looking again before so many bytes are there: large messages come in many chunks. */
  #needed = 1;

  constructor(direction: Direction) {
    this.#mode = direction === 'toServer' ? 'untyped' : 'typed';
  }

  /** The client asked for encryption: the next byte of this direction is the whole answer. */
  expectAnswerByte(): void {
    this.#mode = 'answer-byte';
    this.#needed = 1;
  }

  /** From here on the bytes mean nothing to us. */
  becomeOpaque(): void {
    this.#mode = 'opaque';
    this.#needed = 1;
  }

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return [];
    let unread = this.rest();
    const frames: Frame[] = [];
    for (let length = this.#nextLength(unread); length > 0; length = this.#nextLength(unread)) {
      frames.push(this.#read(unread.subarray(0, length)));
      unread = unread.subarray(length);
    }
    this.#chunks = [unread];
    this.#bytes = unread.length;
    return frames;
  }

  /** What has arrived of a message that is not whole; it is taken out. */
  rest(): Buffer {
    const [only] = this.#chunks;
    const rest = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    return rest;
  }

  /** The length of the first message when all of it is there, else 0. */
  #nextLength(unread: Buffer): number {
    const header = this.#mode === 'typed' ? 5 : 4;
    let length = unread.length;
    if (this.#mode === 'answer-byte') length = 1;
    else if (this.#mode !== 'opaque') {
      if (unread.length < header) length = header;
      // The length counts itself, but not the letter before it.
      else length = unread.readInt32BE(header - 4) + header - 4;
    }
    this.#needed = Math.max(1, length);
    return unread.length >= this.#needed ? length : 0;
  }

  #read(bytes: Buffer): Frame {
    switch (this.#mode) {
      case 'typed':
        return { type: String.fromCharCode(bytes[0] ?? 0), bytes };
      case 'opaque':
        return { type: 'opaque', bytes };
      case 'answer-byte':
        this.#mode = 'typed';
        return { type: 'encryptionAnswer', bytes };
      case 'untyped': {
        const type = PACKET_NAMES.get(bytes.readInt32BE(4)) ?? 'startup';
        if (type === 'startup') this.#mode = 'typed';
        return { type, bytes };
      }
    }
  }
}
