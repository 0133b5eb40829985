import {
  openGate,
  rowsExactlyOnce,
  startFaultProxy,
  anyServer,
  useOwnDatabase,
  waitFor,
  writeCsv,
  type WrittenCsv,
} from '@copyline/testkit';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { outcomeOf, startLoad } from './copyline.ts';
import { ledgerStates, loadedExactlyOnce } from './exactly-once.ts';

const LOAD_BEGIN = /^BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE$/;

let directory: string;
let file: WrittenCsv;
let twin: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-twice-'));
  file = await writeCsv(join(directory, 'orders.csv'), { rows: 20_000, shape: 'mixed' });
  twin = join(directory, 'same-content.csv');
  await copyFile(file.path, twin);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each(anyServer())('two at once, on $name', (server) => {
  const db = useOwnDatabase(server);

  it('the same file: one loads, the other waits and is deduplicated', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 10_000 });
    const loads = [startLoad(file.path, 't', db.url()), startLoad(file.path, 't', db.url())];
    await gate.reached();
    await gate.release();
    const outcomes = await Promise.all(loads.map(outcomeOf));

    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expect(outcomes.map(({ report }) => report.deduplicated).sort()).toEqual([false, true]);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('the same content under two names: one loads, the other is rolled back and deduplicated', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 10_000 });
    const first = startLoad(file.path, 't', db.url());
    await gate.reached();
    const second = startLoad(twin, 't', db.url());
    await waitFor('both sessions at the gate', async () => {
      const waiting = await db.sql(
        `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
          WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted`,
      );
      return waiting.length === 2;
    });
    await gate.release();
    const outcomes = await Promise.all([outcomeOf(first), outcomeOf(second)]);

    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expect(outcomes.map(({ report }) => report.deduplicated).sort()).toEqual([false, true]);
    expect((await ledgerStates(db)).sort()).toEqual(['deduplicated', 'done']);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('both creating the table: one does, the other finds it', async () => {
    const loads = [file.path, twin].map((path) =>
      startLoad(path, 'new_schema.t', db.url(), '--create'),
    );
    const outcomes = await Promise.all(loads.map(outcomeOf));

    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    expect(outcomes.map(({ report }) => report.deduplicated).sort()).toEqual([false, true]);
    await loadedExactlyOnce(db, 'new_schema.t', file.rows);
  });

  it('many first starts at once make one ledger', async () => {
    await db.sql('CREATE TABLE numbers (rid bigint)');
    const files = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const path = join(directory, `${server.name}-${String(i)}.csv`);
        await writeFile(path, `rid\n${String(i)}\n`);
        return path;
      }),
    );
    const outcomes = await Promise.all(
      files.map((path) => outcomeOf(startLoad(path, 'numbers', db.url()))),
    );

    expect(outcomes.map(({ code }) => code)).toEqual(files.map(() => 0));
    await rowsExactlyOnce(db, 'numbers', files.length);
    const versions = await db.sql('SELECT version FROM copyline.migration ORDER BY version');
    expect(versions).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }]);
  });

  it('--on-busy fail says who is loading; --on-busy terminate ends the other and loads', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 10_000 });
    const first = startLoad(file.path, 't', db.url());
    await gate.reached();

    const refused = await outcomeOf(startLoad(file.path, 't', db.url(), '--on-busy', 'fail'));
    expect(refused).toMatchObject({
      code: 1,
      report: { error: { code: 'LOAD_BUSY', retry: 'busy' } },
    });

    const second = startLoad(file.path, 't', db.url(), '--on-busy', 'terminate');
    expect(await outcomeOf(first)).toMatchObject({
      code: 1,
      report: { error: { code: 'CONNECTION_LOST', commitState: 'rolled_back' } },
    });
    await gate.release();
    expect((await outcomeOf(second)).code).toBe(0);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('--busy-timeout bounds the waiting', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 10_000 });
    const first = startLoad(file.path, 't', db.url());
    await gate.reached();

    const second = await outcomeOf(startLoad(file.path, 't', db.url(), '--busy-timeout', '0.2'));
    expect(second).toMatchObject({ code: 1, report: { error: { code: 'LOAD_BUSY' } } });

    await gate.release();
    expect((await outcomeOf(first)).code).toBe(0);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('F54: a run that slept between claim and transaction finds itself overtaken', async () => {
    await db.sql(file.createTableSql('t'));
    const proxy = await startFaultProxy(server);
    const claimed = proxy.parkQuery(LOAD_BEGIN);
    const sleeper = startLoad(file.path, 't', proxy.url(db));
    await claimed.reached;

    const second = await outcomeOf(startLoad(file.path, 't', db.url()));
    claimed.release();
    const first = await outcomeOf(sleeper);

    expect(second).toMatchObject({ code: 0, report: { deduplicated: false } });
    expect(first).toMatchObject({ code: 0, report: { deduplicated: true, attempts: 2 } });
    await loadedExactlyOnce(db, 't', file.rows);
  });
});
