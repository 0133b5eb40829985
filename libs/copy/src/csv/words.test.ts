import { describe, expect, it } from 'vitest';

import { copyBytes } from '../encode/index.ts';
import { firstFlagged, flagsOf, flagsOfControls, repeated } from './words.ts';

/** Bytes at which a borrow or a sign could go wrong. */
const BYTES = [0, 1, 9, 10, 13, 14, 31, 32, 34, 35, 44, 92, 126, 127, 128, 129, 138, 172, 254, 255];
const WORDS = BYTES.flatMap((a) =>
  BYTES.flatMap((b) => [
    [a, b, 65, 10],
    [65, a, b, 34],
    [255, 65, a, b],
    [b, 128, 0, a],
  ]),
);

function wordOf(bytes: readonly number[]): number {
  return Buffer.from(bytes).readInt32LE();
}

describe('words', () => {
  it.each([0, 10, 34, 44, 127, 128, 255])('find the first byte that is %i', (byte) => {
    for (const bytes of WORDS) {
      const flags = flagsOf(wordOf(bytes), repeated(byte));
      expect(flags === 0 ? -1 : firstFlagged(flags), String(bytes)).toBe(bytes.indexOf(byte));
    }
  });

  it('find the first byte that is a control character up to carriage return', () => {
    for (const bytes of WORDS) {
      const flags = flagsOfControls(wordOf(bytes));
      const expected = bytes.findIndex((byte) => byte < 14);
      expect(flags === 0 ? -1 : firstFlagged(flags), String(bytes)).toBe(expected);
    }
  });

  it('find the first of what either of them means', () => {
    for (const bytes of WORDS) {
      const word = wordOf(bytes);
      const flags = flagsOf(word, repeated(34)) | flagsOf(word, repeated(44));
      const expected = bytes.findIndex((byte) => byte === 34 || byte === 44);
      expect(flags === 0 ? -1 : firstFlagged(flags), String(bytes)).toBe(expected);
    }
  });
});

describe('copyBytes', () => {
  const bytes = Buffer.from(Array.from({ length: 600 }, (_, i) => i % 251));

  it('copies what the native copy does, from and to any place', () => {
    for (const start of [0, 1, 2, 3, 300]) {
      for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 100, 255, 256, 257, 300]) {
        for (const at of [0, 1, 2, 3]) {
          const out = Buffer.alloc(at + length + 8);
          expect(copyBytes(bytes, start, start + length, out, at)).toBe(at + length);
          expect(out.subarray(at, at + length)).toEqual(bytes.subarray(start, start + length));
        }
      }
    }
  });

  it('leaves everything in front of the place alone, and needs no room behind it', () => {
    const out = Buffer.alloc(9, 0xee);
    expect(copyBytes(bytes, 593, 600, out, 2)).toBe(9);
    expect(out).toEqual(Buffer.concat([Buffer.alloc(2, 0xee), bytes.subarray(593)]));
  });
});
