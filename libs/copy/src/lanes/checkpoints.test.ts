import { expect, it } from 'vitest';

import { CopyTrail, type Checkpoint } from './checkpoints.ts';

const at = (byteOffset: number): Checkpoint => ({
  position: { byteOffset, records: 0, lines: 0, lineEnd: 'lf' },
  serverLines: { last: 0, lineEnd: 'lf' },
});

it('keeps few checkpoints of any file: the first, the latest ones, older ones further apart', () => {
  const trail = new CopyTrail();
  const windows = 100_000;
  for (let i = 0; i < windows; i += 1) trail.add(at(i));
  const offsets = trail.checkpoints.map(({ position }) => position.byteOffset);
  expect(offsets.length).toBeLessThanOrEqual(1024);
  expect(offsets[0]).toBe(0);
  expect(offsets.at(-1)).toBe(windows - 1);
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  const gaps = offsets.slice(1).map((offset, i) => offset - (offsets[i] ?? 0));
  expect(gaps.at(-1)).toBe(1);
});
