import { SPACE } from './ascii.ts';
import { writeInt32 } from './big-endian.ts';
import { ASK, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';

/** Below it a loop is faster: the native copy makes a view of its source first, which costs as much. */
const NATIVE_COPY_BYTES = 48;

/** Copies bytes and their length. */
export function writeBytes(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  const p = writeInt32(out, at, end - start);
  return copyBytes(bytes, start, end, out, p);
}

export function copyBytes(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  let q = at;
  if (end - start >= NATIVE_COPY_BYTES) {
    bytes.copy(out, q, start, end);
    return q + end - start;
  }
  let p = start;
  // Four at a time take two thirds of the time of one at a time.
  for (; p + 4 <= end; p += 4, q += 4) {
    out[q] = bytes[p] as number;
    out[q + 1] = bytes[p + 1] as number;
    out[q + 2] = bytes[p + 2] as number;
    out[q + 3] = bytes[p + 3] as number;
  }
  for (; p < end; p += 1, q += 1) out[q] = bytes[p] as number;
  return q;
}

/** text, and whatever else is any text. */
export class PlainTextEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    return writeBytes(bytes, start, end, out, at);
  }

  refusal(): Refusal {
    throw new Error('Text is never refused');
  }
}

/**
 * varchar(n) and char(n). Their binary input is their text input (`varcharrecv`, `bpcharrecv`): the
 * server cuts spaces beyond n and fills char(n) up by itself. Only what it refuses is found here.
 */
export class LimitedTextEncoder implements FieldEncoder {
  readonly #type: string;
  readonly #characters: number;

  constructor(type: 'character varying' | 'character', characters: number) {
    this.#type = type;
    this.#characters = characters;
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    if (end - start > this.#characters && this.#exceeds(bytes, start, end)) return REFUSE;
    return writeBytes(bytes, start, end, out, at);
  }

  refusal(): Refusal {
    const type = `${this.#type}(${this.#characters})`;
    return { sqlstate: '22001', reason: `value too long for type ${type}` };
  }

  /** Whether there is anything but spaces after n characters. */
  #exceeds(bytes: Buffer, start: number, end: number): boolean {
    let left = this.#characters;
    let p = start;
    for (; p < end; p += 1) {
      // A continuation byte of UTF-8 is no character.
      if (((bytes[p] as number) & 0xc0) === 0x80) continue;
      if (left === 0) break;
      left -= 1;
    }
    while (p < end && bytes[p] === SPACE) p += 1;
    return p < end;
  }
}

/** Bytes of the longest name: NAMEDATALEN - 1. */
const LONGEST_NAME = 63;

/** name: text input cuts what is too long, binary input refuses it. */
export class NameEncoder extends PlainTextEncoder {
  override encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    if (end - start > LONGEST_NAME) return ASK;
    return writeBytes(bytes, start, end, out, at);
  }
}
