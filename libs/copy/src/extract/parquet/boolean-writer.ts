import type { PlainPage } from './plain-page.ts';
import type { ColumnFields, ValueWriter } from './value-writer.ts';

/** Eight to a byte, from the lowest bit. */
export class BooleanWriter implements ValueWriter {
  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const out = page.reserve(1 + ((to - from) >> 3) + 1);
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      if (page.bits === 0) {
        out[page.length] = 0;
        page.length += 1;
      }
      const last = page.length - 1;
      out[last] = (out[last] as number) | ((bytes[starts[i] as number] as number) << page.bits);
      page.bits = (page.bits + 1) & 7;
    }
  }
}
