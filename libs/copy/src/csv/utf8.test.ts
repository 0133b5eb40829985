import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { invalidUtf8At } from './utf8.ts';

/** Offsets around the blocks in which a fault is looked for. */
const OFFSETS = [0, 1, 2, 3, 4, 5, 4091, 4092, 4093, 4094, 4095, 4096, 4097, 8191, 8192, 8193];

const FAULTS: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['a lone continuation byte', [0x80]],
  ['four continuation bytes', [0x80, 0x81, 0xbf, 0x80]],
  ['overlong in two bytes', [0xc0, 0xaf]],
  ['overlong in two bytes, the last', [0xc1, 0xbf]],
  ['overlong in three bytes', [0xe0, 0x9f, 0xbf]],
  ['overlong in four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['the first surrogate', [0xed, 0xa0, 0x80]],
  ['the last surrogate', [0xed, 0xbf, 0xbf]],
  ['U+110000', [0xf4, 0x90, 0x80, 0x80]],
  ['a byte that begins nothing', [0xf5, 0x80, 0x80, 0x80]],
  ['0xFF', [0xff]],
  ['two bytes broken off', [0xc3, 0x20]],
  ['three bytes broken off', [0xe2, 0x82, 0x20]],
  ['four bytes broken off', [0xf0, 0x9f, 0x98, 0x20]],
  ['a character inside another', [0xe2, 0xc3, 0xa4]],
];

const VALID = [
  'a',
  'ä',
  '€',
  '😀',
  '\0',
  '\u{7ff}',
  '\u{800}',
  '\ud7ff',
  '\ue000',
  '\u{ffff}',
  '\u{10000}',
  '\u{10ffff}',
];

describe('invalid UTF-8', () => {
  it.each(FAULTS)('%s is found at every offset', (_, bytes) => {
    for (const filler of ['a', 'ä', '€', '😀']) {
      for (const offset of OFFSETS) {
        const size = Buffer.byteLength(filler);
        const front = Buffer.from(
          'x'.repeat(offset % size) + filler.repeat(Math.floor(offset / size)),
        );
        const text = Buffer.concat([front, Buffer.from(bytes), Buffer.from(filler.repeat(5000))]);
        expect(invalidUtf8At(text, true), `${filler} ${offset}`).toBe(offset);
        expect(invalidUtf8At(text, false), `${filler} ${offset}`).toBe(offset);
      }
    }
  });

  it.each(['ä', '€', '😀'])('%s cut off at the end is a fault only in the final piece', (char) => {
    const whole = Buffer.from(char);
    for (const offset of OFFSETS) {
      for (let length = 1; length < whole.length; length += 1) {
        const bytes = Buffer.concat([Buffer.alloc(offset, 'a'), whole.subarray(0, length)]);
        expect(invalidUtf8At(bytes, false)).toBe(-1);
        expect(invalidUtf8At(bytes, true)).toBe(offset);
      }
    }
  });

  it('is not found in valid text', () => {
    expect(invalidUtf8At(Buffer.alloc(0), true)).toBe(-1);
    for (const char of VALID) expect(invalidUtf8At(Buffer.from(char.repeat(5000)), true)).toBe(-1);
  });

  it('is found where a strict decoder that is fed byte by byte first fails', () => {
    const bytes = fc.uint8Array({ maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...VALID)), bytes, (chars, tail) => {
        const text = Buffer.concat([Buffer.from(chars.join('')), tail]);
        expect(invalidUtf8At(text, true)).toBe(slowly(text));
      }),
      { numRuns: 2000 },
    );
  });
});

function slowly(bytes: Buffer): number {
  for (let p = 0; p < bytes.length;) {
    const length = [1, 2, 3, 4].find((n) => {
      try {
        const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
        return p + n <= bytes.length && text.decode(bytes.subarray(p, p + n)).length > 0;
      } catch {
        return false;
      }
    });
    if (length === undefined) return p;
    p += length;
  }
  return -1;
}
