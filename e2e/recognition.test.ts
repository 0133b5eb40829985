import type { LoadReport } from '@copyline/contracts';
import { postgres18, rowsExactlyOnce, useOwnDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

import { outcomeOf, startLoad } from './copyline.ts';

// What is recognised when is tested with the engine, in libs/copy; here is what a user has of it.
const db = useOwnDatabase(postgres18());

it('a content that is loaded already is loaded again only where a flag says so', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'copyline-again-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'orders.csv');
  await writeFile(file, 'rid,name\n1,one\n2,two\n3,three\n');
  await db.sql('CREATE TABLE t (rid bigint, name text)');
  const load = async (...flags: string[]): Promise<LoadReport> => {
    const outcome = await outcomeOf(startLoad(file, 't', db.url(), ...flags));
    expect(outcome).toMatchObject({ code: 0, report: { error: null, rowsLoaded: 3 } });
    return outcome.report;
  };

  expect(await load()).toMatchObject({ deduplicated: false });
  expect(await load()).toMatchObject({ deduplicated: true });
  await rowsExactlyOnce(db, 't', 3);
  expect(await outcomeOf(startLoad(file, 't', db.url(), '--null', 'two'))).toMatchObject({
    code: 1,
    report: { error: { code: 'ALREADY_LOADED_DIFFERENTLY' } },
  });

  await db.sql('TRUNCATE t');
  expect(await load('--force')).toMatchObject({ deduplicated: false });
  await db.sql('TRUNCATE t');
  expect(await load('--slot', '2026-11-21')).toMatchObject({ deduplicated: false });
  expect(await load('--slot', '2026-11-21')).toMatchObject({ deduplicated: true });
  await rowsExactlyOnce(db, 't', 3);

  expect(await load('--ledger', 'none')).toMatchObject({
    deduplicated: false,
    guarantee: 'at-least-once',
    warnings: [{ code: 'NO_LEDGER' }],
  });
  expect(await db.sql('SELECT count(*)::int4 AS n FROM t')).toEqual([{ n: 6 }]);
});
