import { describe, expect, it } from 'vitest';

import { randomFrom } from '../../test/support/random.ts';
import { CopyDataReader } from './copy-data-reader.ts';

function message(letter: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(5);
  header.write(letter, 0, 'latin1');
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

interface Seen {
  readonly pieces: Buffer[];
  other: Buffer;
  begun: number;
  done: number;
  ready: Buffer | undefined;
}

function readIn(chunks: readonly Buffer[], wholeMessages: boolean): Seen {
  const seen: Seen = { pieces: [], other: Buffer.alloc(0), begun: 0, done: 0, ready: undefined };
  const reader = new CopyDataReader(
    {
      onData: (payload) => seen.pieces.push(Buffer.from(payload)),
      onOther: (bytes) => (seen.other = Buffer.concat([seen.other, bytes])),
      onBegin: () => (seen.begun += 1),
      onDone: () => (seen.done += 1),
      onReady: (rest) => (seen.ready = rest),
    },
    wholeMessages,
  );
  for (const chunk of chunks) {
    // As in a connection: what comes after ReadyForQuery is not for this reader.
    if (seen.ready === undefined) reader.read(Buffer.from(chunk));
    else seen.ready = Buffer.concat([seen.ready, chunk]);
  }
  return seen;
}

/** Cuts bytes at random places; empty pieces do not come from a socket. */
function cut(bytes: Buffer, random: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + Math.floor(random() ** 3 * 200);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('the reader of COPY data', () => {
  it.each([false, true])('parts data from the rest, however it is cut (whole: %s)', (whole) => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomFrom(seed);
      const rows = Array.from({ length: Math.floor(random() * 40) }, () =>
        Buffer.from(`${'x'.repeat(Math.floor(random() ** 4 * 300))}\n`),
      );
      const notice = message('N', 'SNOTICE\0Mhello\0\0');
      const [begin, done] = [message('H', Buffer.alloc(3)), message('c', '')];
      const [tag, ready] = [message('C', `COPY ${rows.length}\0`), message('Z', 'T')];
      const others: Buffer[] = [begin];
      const wire = [begin];
      for (const row of rows) {
        wire.push(message('d', row));
        if (random() < 0.1) {
          wire.push(notice);
          others.push(notice);
        }
      }
      wire.push(done, tag, ready, notice);
      others.push(done, tag);
      const seen = readIn(cut(Buffer.concat(wire), random), whole);
      const advice = `seed ${seed}`;
      expect(Buffer.concat(seen.pieces).equals(Buffer.concat(rows)), advice).toBe(true);
      expect(seen.other.equals(Buffer.concat(others)), advice).toBe(true);
      expect(seen.ready?.equals(Buffer.concat([ready, notice])), advice).toBe(true);
      expect([seen.begun, seen.done], advice).toEqual([1, 1]);
      if (whole) {
        expect(
          seen.pieces.every((piece) => piece.at(-1) === 0x0a),
          advice,
        ).toBe(true);
      }
    }
  });

  it('takes empty rows and empty messages', () => {
    const wire = [message('d', ''), message('d', 'a'), message('d', ''), message('c', '')];
    for (const whole of [false, true]) {
      const seen = readIn([Buffer.concat(wire)], whole);
      expect(Buffer.concat(seen.pieces).toString()).toBe('a');
    }
  });
});
