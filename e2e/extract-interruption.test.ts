import { postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { verifyExtract } from '@copyline/copy';

import { copyline } from './copyline.ts';

const CASES = process.env['COPYLINE_SOAK'] === '1' ? 200 : 8;
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);
/** 20 MB, written within a fraction of a second. */
const QUERY = `select i, repeat('x', 1000) from generate_series(1, 20000) i`;
const BYTES = 20_000_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;

describe('commands that are interrupted at a random byte', () => {
  const db = useOwnDatabase(postgres18());

  it(`leave nothing, or all (seed ${SEED}, ${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'copyline-extract-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const start = (folder: string): ReturnType<typeof copyline> =>
      copyline([
        ...['extract', '--query', QUERY, '--to', join(folder, 'out.csv'), '--overwrite'],
        ...['--target', db.url(), '--json'],
      ]);
    let last = root;
    const tally = new Map<string, number>();
    let state = SEED;
    const random = (): number => (state = (state * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;

    for (let id = 0; id < CASES; id += 1) {
      const signal = SIGNALS[Math.floor(random() * SIGNALS.length)] ?? 'SIGINT';
      const at = random() * BYTES;
      const name = `seed ${SEED}, case ${id}: ${signal} at ${Math.floor(at)}`;
      const folder = join(root, String(id));
      await mkdir(folder);
      const extract = start(folder);
      let isOver = false;
      const exit = extract.exit.finally(() => (isOver = true));
      await waitFor(name, async () => isOver || (await bytesIn(folder)) >= at, { intervalMs: 1 });
      extract.kill(signal);
      const { code } = await exit;
      const names = await readdir(folder);
      const isWhole = names.includes('out.csv.manifest.json');
      if (isWhole) {
        const { report } = await verifyExtract(join(folder, 'out.csv.manifest.json'));
        expect(report.status, name).toBe('verified');
      } else if (signal === 'SIGKILL') {
        expect(names.filter((each) => !each.endsWith('.part') && each !== 'out.csv')).toEqual([]);
        last = folder;
      } else {
        expect({ code, names }, name).toEqual({ code: 130, names: [] });
      }
      const key = `${signal}: ${isWhole ? 'whole' : 'nothing'}`;
      tally.set(key, (tally.get(key) ?? 0) + 1);
    }
    console.log(`interrupted commands, seed ${SEED}`, Object.fromEntries(tally));

    // Where one was killed the next one works, and cleans up.
    expect((await start(last).exit).code).toBe(0);
    const names = (await readdir(last)).filter((each) => !/^\d+$/.test(each)).sort();
    expect(names).toEqual(['out.csv', 'out.csv.manifest.json']);
  });
});

/** Of the newest part file, or of what is there. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}
