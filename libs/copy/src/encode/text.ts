import { SPACE } from './ascii.ts';
import { writeBytes } from './copy-bytes.ts';
import { ASK, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';

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
