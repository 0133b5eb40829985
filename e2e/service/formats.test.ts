import { postgres18, useOwnDatabase } from '@copyline/testkit';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { duckdbFile } from '../../libs/copy/test/parquet-writing.ts';
import { createService } from './service.ts';

describe('files of other forms than CSV that are submitted', () => {
  const db = useOwnDatabase(postgres18());

  it('are loaded by a worker: Parquet, packed, JSON Lines; a damaged one fails with its place', async () => {
    const service = await createService(db, { backend: 'postgres' });
    const inbox = (name: string): string => join(service.inbox, name);
    await db.sql('create table t (i bigint, list jsonb)');
    await copyFile(await duckdbFile('select 1::bigint as i, [1, 2] as list'), inbox('1.parquet'));
    await writeFile(inbox('2.csv.gz'), gzipSync('i,list\n2,[2]\n'));
    await writeFile(inbox('3.jsonl'), '{"i":3,"list":[3]}\n');
    const damaged = await readFile(inbox('1.parquet'));
    await writeFile(inbox('4.parquet'), damaged.fill(0xff, 4, 40));
    const [scheduler] = await Promise.all([service.startScheduler(), service.startWorker()]);

    const outcomes = await Promise.all(
      ['1.parquet', '2.csv.gz', '3.jsonl', '4.parquet'].map(async (name) => {
        const { id } = await scheduler.submit({
          ...{ source: `inbox:${name}`, into: 't', connection: 'target' },
          ...(name.endsWith('.parquet') ? { parquet: { nested: 'json' } } : {}),
        });
        return scheduler.jobEnded(id);
      }),
    );
    const done = { state: 'done', error: null, report: { rowsLoaded: 1 } };
    expect(outcomes).toMatchObject([
      ...[done, done, done],
      {
        state: 'failed',
        error: { code: 'PARQUET_INVALID', retry: 'never', source: 'inbox:4.parquet', rowGroup: 0 },
      },
    ]);
    expect(await db.sql('select * from t order by i')).toEqual([
      { i: 1n, list: [1, 2] },
      { i: 2n, list: [2] },
      { i: 3n, list: [3] },
    ]);
  });
});
