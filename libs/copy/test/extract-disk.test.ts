import { postgres18 } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { expectHealthy, type Outcome, useExtracting } from './extracting.ts';
import { canMount, mount, tmpfs } from './mounting.ts';

/** Eight megabytes and more of them, in either format, packed or not. */
const LARGE = `select i, string_agg(md5(random()::text), '') as text
                 from generate_series(1, 12000) i, generate_series(1, 32) group by i`;
const SMALL = 'select 1 as i';

describe.skipIf(!canMount()).each(['csv', 'parquet'] as const)(
  'an extract to %s on a disk that fails',
  (format) => {
    const extracting = useExtracting(postgres18());
    const { extract, path } = extracting;

    /** Extracts to the disk; what was in the folder before is what is there afterwards. */
    async function fails(folder: string, query: string, spec: object = {}): Promise<Outcome> {
      const connection = await extracting.open();
      const before = await contents(folder);
      const outcome = await extract(
        { from: { query }, to: { path: join(folder, 'out') }, format, ...spec },
        { connection },
      );
      expect(outcome.report).toMatchObject({ status: 'failed', files: [], manifest: null });
      expect(await contents(folder)).toEqual(before);
      await expectHealthy(connection);
      return outcome;
    }

    it('F35: is full in the middle; nothing is left, and there is room for less', async () => {
      const disk = await tmpfs(path('disk'), 'size=8m');
      const { error, report } = await fails(disk, LARGE);
      // The rows of a Parquet file may all be here before the first is written.
      const commitState = format === 'csv' ? 'rolled_back' : 'none';
      expect(error).toMatchObject({ code: 'SINK_ENOSPC', commitState });
      expect(error?.message).toMatch(/after \d+ bytes/);
      expect(report.bytesRead).toBeGreaterThan(7_000_000);
      const after = await extract({
        ...{ from: { query: SMALL }, to: { path: `${disk}/out` }, format },
      });
      expect(after.error).toBeUndefined();
    });

    it('F35: turns out to be full when it is flushed', async () => {
      // The disk is a file on a smaller disk: what it has no room for is known only when it is written.
      const outer = await tmpfs(path('outer'), 'size=6m');
      const image = join(outer, 'image');
      await writeFile(image, '');
      await truncate(image, 64 * 1024 * 1024);
      execFileSync('mke2fs', ['-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', image]);
      const disk = await mount(path('disk'), ['-o', 'loop', image]);
      const { error } = await fails(disk, LARGE);
      // Kernels differ in what they call it.
      expect(error?.code).toMatch(/^SINK_(?:ENOSPC|FAILED)$/);
      expect(error?.message).toMatch(/^Flushing out failed after \d+ bytes/);
    });

    it('F35: has no room for the names; what is replaced stays', async () => {
      // A folder, two files that are made, two that are there: a link of a file counts as one more.
      const disk = await tmpfs(path('disk'), 'size=8m,nr_inodes=3');
      const { error } = await fails(disk, SMALL);
      expect(error).toMatchObject({ code: 'SINK_ENOSPC' });
      expect(error?.message).toMatch(/^Publishing failed/);
    });

    it('F35: has no room for a file; the one that would be replaced stays', async () => {
      const disk = await tmpfs(path('disk'), 'size=8m,nr_inodes=4');
      await writeFile(join(disk, 'out'), 'before');
      await writeFile(join(disk, 'out.manifest.json'), 'before');
      const { error } = await fails(disk, SMALL, { overwrite: true });
      expect(error).toMatchObject({ code: 'SINK_ENOSPC' });
    });

    it('F36: is read-only', async () => {
      const disk = await tmpfs(path('disk'), 'size=8m,ro');
      const { error } = await fails(disk, SMALL);
      expect(error).toMatchObject({ code: 'SINK_UNWRITABLE' });
    });

    it('F36: becomes read-only in the middle', async () => {
      const disk = await tmpfs(path('disk'), 'size=64m');
      let isDone = false;
      const outcome = await extract(
        { from: { query: SMALL }, to: { path: `${disk}/out` }, format },
        {
          onProgress: ({ phase }) => {
            if (phase !== 'publish' || isDone) return;
            isDone = true;
            // A file that is open for writing keeps the whole from it; a mount over it does not.
            execFileSync('mount', ['--bind', disk, disk]);
            execFileSync('mount', ['-o', 'remount,bind,ro', disk]);
            onTestFinished(() => {
              execFileSync('umount', [disk]);
            });
          },
        },
      );
      expect(outcome.error).toMatchObject({ code: 'SINK_UNWRITABLE' });
      expect((await readdir(disk)).filter((name) => !name.startsWith('.'))).toEqual([]);
    });
  },
);

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => name !== 'lost+found').sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')));
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? '']));
}
