import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FileFeed } from './byte-feed.ts';
import { LocalFile } from './local-file.ts';
import { WindowReader, type Window } from './window-reader.ts';

const KIB = 1024;
const WINDOW = 256 * KIB;
const HEADROOM = 64 * KIB;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copyline-windows-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Bytes of which no two pieces of some length are the same. */
function sample(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) buffer.writeUInt32BE(i, i);
  return buffer;
}

async function withFile<T>(
  content: Buffer,
  work: (file: LocalFile, path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, 'sample');
  await writeFile(path, content);
  await using file = await LocalFile.open({ path });
  return await work(file, path);
}

/** Reads to the end; the consumer says how many bytes of a window it is done with. */
async function readAll(
  reader: WindowReader,
  consume: (window: Window) => number,
): Promise<{ consumed: Buffer; windows: number; largest: number }> {
  const consumed: Buffer[] = [];
  let [windows, largest] = [0, 0];
  for (let done = 0; ;) {
    const window = await reader.next(done);
    if (window === undefined) break;
    windows += 1;
    largest = Math.max(largest, window.buffer.length);
    done = window.final ? window.to - window.from : consume(window);
    consumed.push(Buffer.from(window.buffer.subarray(window.from, window.from + done)));
    // Room for the sentinel, which nobody may miss.
    expect(window.to).toBeLessThan(window.buffer.length);
    window.buffer[window.to] = 0x0a;
  }
  return {
    consumed: Buffer.concat(consumed),
    windows,
    largest,
  };
}

describe('windows of a file', () => {
  const sizes = [
    0,
    1,
    HEADROOM,
    WINDOW - 1,
    WINDOW,
    WINDOW + 1,
    2 * WINDOW,
    4 * WINDOW,
    5 * WINDOW + 7,
  ];
  const consumers: Record<string, (window: Window) => number> = {
    everything: ({ from, to }) => to - from,
    'all but a byte': ({ from, to }) => to - from - 1,
    'all but the headroom': ({ from, to }) => Math.max(0, to - from - HEADROOM),
    'all but more than the headroom': ({ from, to }) => Math.max(0, to - from - HEADROOM - 1),
    'half of it': ({ from, to }) => Math.floor((to - from) / 2),
    nothing: () => 0,
  };

  for (const [name, consume] of Object.entries(consumers)) {
    it.each(sizes)(`of %i bytes, ${name} consumed of each, are the file`, async (size) => {
      const content = sample(size);
      await withFile(content, async (file) => {
        const seen: Buffer[] = [];
        const feed = new FileFeed(file, 0, undefined, (bytes) => seen.push(Buffer.from(bytes)));
        const reader = new WindowReader(feed);
        const { consumed, windows } = await readAll(reader, consume);
        expect(consumed.equals(content)).toBe(true);
        expect(Buffer.concat(seen).equals(content)).toBe(true);
        expect(reader.fileBytesRead).toBe(size);
        if (name === 'everything') expect(windows).toBe(Math.max(1, Math.ceil(size / WINDOW)));
        expect(await reader.next(0)).toBeUndefined();
      });
    });
  }

  it('begin at a place in the file', async () => {
    const content = sample(3 * WINDOW);
    await withFile(content, async (file) => {
      for (const start of [1, WINDOW, content.length]) {
        const { consumed } = await readAll(
          new WindowReader(new FileFeed(file, start)),
          ({ from, to }) => to - from,
        );
        expect(consumed.equals(content.subarray(start))).toBe(true);
      }
    });
  });

  it('grow with the record that is not complete, twice as large each time, and shrink again', async () => {
    const content = sample(24 * WINDOW);
    const record = 10 * WINDOW;
    await withFile(content, async (file) => {
      let whole = 0;
      const { windows, largest } = await readAll(
        new WindowReader(new FileFeed(file)),
        ({ from, to }) => {
          if (whole === 0 && to - from < record) return 0;
          whole += 1;
          return to - from;
        },
      );
      expect(largest).toBeLessThan(2 * record + 2 * WINDOW);
      expect(windows).toBeLessThan(24);
      expect(whole).toBeGreaterThan(3);
    });
  });

  it('stay untouched while the next one is read', async () => {
    const content = sample(8 * WINDOW);
    await withFile(content, async (file) => {
      const reader = new WindowReader(new FileFeed(file));
      let previous: { readonly window: Window; readonly copy: Buffer } | undefined;
      for (let done = 0; ;) {
        const window = await reader.next(done);
        if (window === undefined) break;
        const { buffer, from, to } = window;
        if (previous !== undefined) {
          const { window: old, copy } = previous;
          expect(old.buffer.subarray(old.from, old.to).equals(copy)).toBe(true);
        }
        previous = { window, copy: Buffer.from(buffer.subarray(from, to)) };
        done = to - from;
      }
    });
  });
});

describe('a file that changes', () => {
  it('by growing is read to the size it had', async () => {
    await withFile(sample(WINDOW + 5), async (file, path) => {
      await appendFile(path, 'more');
      const { consumed } = await readAll(
        new WindowReader(new FileFeed(file)),
        ({ from, to }) => to - from,
      );
      expect(consumed.length).toBe(WINDOW + 5);
      await expect(file.assertUnchanged(consumed.length)).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      });
    });
  });

  it('by shrinking is refused as soon as bytes are missing', async () => {
    await withFile(sample(4 * WINDOW), async (file, path) => {
      await truncate(path, WINDOW + 9);
      const reading = readAll(new WindowReader(new FileFeed(file)), ({ from, to }) => to - from);
      await expect(reading).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
        place: { source: path },
      });
    });
  });
});
