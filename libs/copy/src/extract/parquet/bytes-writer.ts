import type { PlainPage } from './plain-page.ts';
import type { ColumnFields, ValueWriter } from './value-writer.ts';

/** Below this, copying byte by byte is faster than a call. */
const SHORT_BYTES = 32;
const LENGTH_BYTES = 4;

/** Texts, documents and bytes: a length, and what the server has sent, which sees to it that texts are UTF-8. */
export class BytesWriter implements ValueWriter {
  readonly #skipped: number;

  /** @param skipped bytes at the beginning of each value that are not of it */
  constructor(skipped = 0) {
    this.#skipped = skipped;
  }

  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const length = (lengths[i] as number) - this.#skipped;
      const start = (starts[i] as number) + this.#skipped;
      const out = page.reserve(LENGTH_BYTES + length);
      let at = page.length;
      out[at] = length;
      out[at + 1] = length >>> 8;
      out[at + 2] = length >>> 16;
      out[at + 3] = length >>> 24;
      at += LENGTH_BYTES;
      if (length < SHORT_BYTES) {
        for (let p = 0; p < length; p += 1) out[at + p] = bytes[start + p] as number;
      } else {
        bytes.copy(out, at, start, start + length);
      }
      page.length = at + length;
    }
  }
}

/** Values that all have the same number of bytes. */
export class FixedBytesWriter implements ValueWriter {
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const size = this.#size;
    const out = page.reserve((to - from) * size);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const start = starts[i] as number;
      for (let p = 0; p < size; p += 1) out[at + p] = bytes[start + p] as number;
      at += size;
    }
    page.length = at;
  }
}
