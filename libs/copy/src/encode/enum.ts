import { REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';
import { copyBytes, writeBytes } from './copy-bytes.ts';

/**
 * An enum: its label, as the catalogue has it. The labels are looked up by a hash of their bytes, so
 * that no field becomes a string. A label that is added while a load runs is none for it.
 */
export class EnumEncoder implements FieldEncoder {
  readonly #name: string;
  /** The labels as fields, at the place of their hash or at the next free one. */
  readonly #fields: (Buffer | undefined)[];
  readonly #mask: number;

  constructor(name: string, labels: readonly string[]) {
    this.#name = name;
    let size = 2;
    // At most half full: a search for what is not there ends soon.
    while (size < labels.length * 2) size *= 2;
    this.#mask = size - 1;
    this.#fields = Array.from({ length: size }, () => undefined);
    for (const label of labels) {
      const bytes = Buffer.from(label);
      const field = Buffer.alloc(4 + bytes.length);
      writeBytes(bytes, 0, bytes.length, field, 0);
      let slot = hash(bytes, 0, bytes.length) & this.#mask;
      while (this.#fields[slot] !== undefined) slot = (slot + 1) & this.#mask;
      this.#fields[slot] = field;
    }
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    let slot = hash(bytes, start, end) & this.#mask;
    for (;;) {
      const field = this.#fields[slot];
      if (field === undefined) return REFUSE;
      if (isLabel(field, bytes, start, end)) return copyBytes(field, 0, field.length, out, at);
      slot = (slot + 1) & this.#mask;
    }
  }

  refusal(field: string): Refusal {
    const reason = `invalid input value for enum ${this.#name}: "${field}"`;
    return { sqlstate: '22P02', reason };
  }
}

function isLabel(field: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (field.length - 4 !== end - start) return false;
  for (let p = start, i = 4; p < end; p += 1, i += 1) if (field[i] !== bytes[p]) return false;
  return true;
}

/** No label has more bytes, so the rest of a longer field need not be hashed: NAMEDATALEN - 1. */
const LONGEST_LABEL = 63;

/** FNV-1a, which is enough for a handful of short words. */
function hash(bytes: Buffer, start: number, end: number): number {
  let value = 0x811c_9dc5;
  const stop = Math.min(end, start + LONGEST_LABEL);
  for (let p = start; p < stop; p += 1) {
    value = Math.imul(value ^ (bytes[p] as number), 0x0100_0193);
  }
  return value ^ (value >>> 15);
}
