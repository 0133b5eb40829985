import { anyPostgres } from '@copyline/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { buildDirtyFile, DIRT, dirtyFile, PARENTS } from './dirty-files.ts';

/** A few in `npm test`, many in `npm run soak`; each is several loads. */
const FILES = process.env['COPYLINE_SOAK'] === '1' ? 300 : 5;
/** Less than a window of the reader, several of them; in the soak several chunks. */
const SIZES = process.env['COPYLINE_SOAK'] === '1' ? [40, 6_000, 90_000] : [40, 6_000];
const ALL = {
  rows: SIZES,
  every: [2, 7, 100, 4_000],
  kinds: Object.keys(DIRT) as (keyof typeof DIRT)[],
  lanes: ['binary', 'text', 'byte'],
} as const;

const TABLE = `(id int primary key, p int references parent, day date not null,
  note text check (note <> 'bad'), other int unique deferrable initially deferred)`;

describe.each(anyPostgres())('random dirty files on $name', (server) => {
  const loading = useLoading(server);
  const content = () =>
    loading.db.sql(
      `select count(*)::int as rows, md5(string_agg(t::text, '|' order by id)) from t`,
    );

  it('lose exactly their bad records, and store what the good ones alone would', async () => {
    const { db } = loading;
    await db.sql(`create table parent (k int primary key);
      insert into parent select generate_series(0, ${String(PARENTS)}); create table t ${TABLE}`);
    await fc.assert(
      fc.asyncProperty(dirtyFile(ALL), async (file) => {
        const { dirty, clean, refused } = buildDirtyFile(file);
        await db.sql('truncate t; truncate reject', undefined).catch(() => db.sql('truncate t'));
        const path = await loading.write(dirty);
        const report = await loading.load(path, {
          onError: 'continue',
          lane: file.lane,
          force: true,
        });
        expect(report.error).toBeNull();
        const rows = await db.sql<{ record: number }>('select record::int from reject order by 1');
        expect(rows.map(({ record }) => record)).toEqual(refused);
        const stored = await content();

        await db.sql('truncate t');
        const strict = await loading.load(await loading.write(clean), { force: true });
        expect(strict).toMatchObject({ error: null, rowsLoaded: report.rowsLoaded });
        expect(await content()).toEqual(stored);
      }),
      { numRuns: FILES },
    );
  });
});
