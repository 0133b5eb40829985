import type { PlainPage } from './plain-page.ts';
import type { ColumnFields, ValueWriter } from './value-writer.ts';

/** Integers and floats: the server sends the highest byte first, the file begins with the lowest. */
export class ReversedWriter implements ValueWriter {
  readonly #size: number;

  constructor(size: 4 | 8) {
    this.#size = size;
  }

  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const size = this.#size;
    const out = page.reserve((to - from) * size);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const start = starts[i] as number;
      for (let p = start + size - 1; p >= start; p -= 1) {
        out[at] = bytes[p] as number;
        at += 1;
      }
    }
    page.length = at;
  }
}

/** int2: the smallest integer of Parquet has four bytes. */
export class Int16Writer implements ValueWriter {
  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const out = page.reserve((to - from) * 4);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const high = bytes[starts[i] as number] as number;
      out[at] = bytes[(starts[i] as number) + 1] as number;
      out[at + 1] = high;
      out[at + 2] = out[at + 3] = high > 0x7f ? 0xff : 0;
      at += 4;
    }
    page.length = at;
  }
}
