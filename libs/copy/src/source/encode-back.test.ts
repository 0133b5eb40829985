import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ByteFeed } from './byte-feed.ts';
import { encodeBack } from './encode-back.ts';
import { transcode } from './transcode.ts';

const RUNS = process.env['COPYLINE_SOAK'] === '1' ? 20_000 : 500;

/** Halves of pairs are rare among random bytes. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(...['d83d', '3dd8', '00de', 'de00', '0d0a', '81', 'ff', '0a'].map(fromHex)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

describe.each(['latin-1', 'cp1252', 'utf-16le', 'utf-16be'] as const)('text in %s', (encoding) => {
  it('is the same bytes again, also where they are not valid', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, async (source) => {
        const parts: Buffer[] = [];
        for await (const part of transcode(feedOf(source), encoding)) parts.push(part);
        expect(encodeBack(Buffer.concat(parts), encoding).toString('hex')).toBe(
          source.toString('hex'),
        );
      }),
      { numRuns: RUNS },
    );
  });
});

function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

function feedOf(source: Buffer): ByteFeed {
  let position = 0;
  return {
    read: (buffer, at, length) => {
      const copied = source.copy(buffer, at, position, position + length);
      position += copied;
      return Promise.resolve(copied);
    },
    get atEnd() {
      return position >= source.length;
    },
    get bytesLeft() {
      return source.length - position;
    },
    get fileBytesRead() {
      return position;
    },
  };
}
