import { connect } from '@copyline/dws-client';
import { anyPostgres, anyServer, waitFor } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';
import { runLoad } from '../src/index.ts';
import { brokenDisk, canHang, canMount, hangingFile } from './failing-disk.ts';
import { duckdbFile } from './parquet-writing.ts';

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

describe.skipIf(!canHang()).each(anyPostgres())(
  'a source on a disk that hangs, to $name',
  (server) => {
    const loading = useLoading(server);
    const { db } = loading;

    it.each([
      ['csv', 'abort'],
      ['csv', 'continue'],
      ['parquet', 'abort'],
      ['parquet', 'continue'],
    ] as const)(
      'an interruption lets go of the server without waiting for the disk (%s, %s)',
      async (format, onError) => {
        await db.sql('create table t (id int, name text)');
        const rows = Array.from({ length: 60_000 }, (_, i) => `${i},${'x'.repeat(50)}\n`);
        const path =
          format === 'csv'
            ? await loading.write(`id,name\n${rows.join('')}`)
            : await duckdbFile(`select range::int as id, 'x' as name from range(60000)`);
        const disk = await hangingFile(path);
        const stop = new AbortController();
        let pid: bigint | undefined;
        const loaded = runLoad(
          { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema, onError },
          {
            connect: async () => {
              const connection = await connect({ target: db.url() });
              pid = await connection.backendPid();
              return connection;
            },
            database: db.database,
            onProgress: ({ phase }) => {
              if (phase === 'copy') disk.hang();
            },
          },
          stop.signal,
        );
        await disk.readHangs();
        stop.abort();
        await waitFor('the session to end', async () => {
          const sessions = await db.sql('select from pg_stat_activity where pid = $1', [pid]);
          return sessions.length === 0;
        });
        disk.letGo();
        const { report } = await loaded;
        expect(report).toMatchObject({ status: 'interrupted', rowsLoaded: 0 });
        expect(await db.sql('select from t')).toEqual([]);
        expect(await db.sql('select state from load')).toEqual([{ state: 'failed' }]);
      },
    );
  },
);
