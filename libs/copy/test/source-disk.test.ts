import { anyServer } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';
import { brokenDisk, canMount } from './failing-disk.ts';

const MEGABYTE = 2 ** 20;

describe.skipIf(!canMount()).each(anyServer())(
  'a source on a disk that fails, to $name',
  (server) => {
    const loading = useLoading(server);

    it.each(['binary', 'text', 'byte'] as const)(
      'by the %s lane: EIO in the middle ends the load, and nothing is stored',
      async (lane) => {
        const folder = await mkdtemp(join(tmpdir(), 'copyline-disk-'));
        onTestFinished(() => rm(folder, { recursive: true, force: true }));
        await loading.db.sql('create table t (id int, name text)');
        const rows = Array.from({ length: 60_000 }, (_, i) => `${i},${'x'.repeat(50)}\n`);
        const disk = await brokenDisk(join(folder, 'disk'), {
          fill: (at) => writeFile(join(at, 'rows.csv'), `id,name\n${rows.join('')}`),
          ...{ bytes: 8 * MEGABYTE, left: 3 * MEGABYTE },
        });
        const report = await loading.load(join(disk, 'rows.csv'), { lane });
        expect(report.error).toMatchObject({ code: 'SOURCE_UNREADABLE' });
        expect(report.error?.message).toContain('EIO');
        await expectNothingStored(loading, report);
      },
    );
  },
);
