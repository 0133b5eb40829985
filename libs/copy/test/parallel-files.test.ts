import type { LoadReport } from '@copyline/contracts';
import { connect, Secret } from '@copyline/dws-client';
import { anyServer, openGate, useTestDatabase, waitFor, type Gate } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { LoadThreads } from '../src/files/load-threads.ts';
import { loadFiles, type FilesLoadInput, type LoadProgress } from '../src/index.ts';

/** At this row a gate stops the load. */
const GATED = 1;

describe.each(anyServer())('files in parallel, on $name', (server) => {
  const db = useTestDatabase(server);

  async function folderOf(...contents: readonly string[]): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-parallel-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [i, content] of contents.entries()) {
      await writeFile(join(folder, `${String(i + 1)}.csv`), `a\n${content}\n`);
    }
    return folder;
  }

  async function load(
    folder: string,
    spec: Partial<FilesLoadInput> = {},
    { signal, onProgress }: Watched = {},
  ): Promise<LoadReport> {
    const deps = {
      connect: () => connect({ target: db.url() }),
      database: db.database,
      ...(onProgress === undefined ? {} : { onProgress }),
    };
    const input = { into: `${db.schema}.t`, ledgerSchema: db.schema, ...spec };
    const parallel = { loads: 2, conninfo: new Secret(db.url()) };
    const { report, error } = await loadFiles([folder], input, deps, {
      ...{ parallel },
      ...(signal === undefined ? {} : { signal }),
    });
    if (error?.code === 'INTERNAL') throw error;
    return report;
  }

  const namesOf = (report: LoadReport, folder: string): string[] =>
    report.files.map(({ source }) => source.slice(folder.length + 1));
  const rows = (): Promise<unknown[]> => db.sql('select a from t order by a');
  const state = (wanted: string): Promise<unknown> =>
    waitFor(`a load that is ${wanted}`, async () => {
      const [found] = await db.sql(`select from load where state = $1`, [wanted]);
      return found;
    });
  async function gated(): Promise<Gate> {
    await db.sql('create table t (a int)');
    return openGate(db, 't', { column: 'a', at: GATED });
  }

  it('loads the next ones while one takes long, and reports all in their order, once', async () => {
    const folder = await folderOf(String(GATED), '2', '3', '4');
    const gate = await gated();
    const steps: LoadProgress[] = [];
    const loading = load(folder, {}, { onProgress: (step) => steps.push(step) });
    await gate.reached();
    await waitFor('the three others', async () => {
      const done = await db.sql(`select from load where state = 'done'`);
      return done.length === 3 ? done : undefined;
    });
    await gate.release();

    const report = await loading;
    expect(report).toMatchObject({ status: 'loaded', rowsLoaded: 4, deduplicated: false });
    expect(namesOf(report, folder)).toEqual(['1.csv', '2.csv', '3.csv', '4.csv']);
    expect(await rows()).toEqual([1, 2, 3, 4].map((a) => ({ a })));
    // Together they have 16 bytes, of which ever more are read.
    const read = steps.filter(({ phase }) => phase === 'copy').map(({ bytesRead }) => bytesRead);
    expect(read).toEqual([...read].sort((a, b) => a - b));
    expect(steps.find(({ phase }) => phase === 'copy')?.bytesTotal).toBe(16);
    expect(await load(folder)).toMatchObject({ status: 'loaded', deduplicated: true });
    expect(await rows()).toHaveLength(4);
  });

  it('creates a table that all of them need', async () => {
    const folder = await folderOf('1', '2', '3');
    const report = await load(folder, { create: true });
    expect(report).toMatchObject({ status: 'loaded', rowsLoaded: 3, target: { created: true } });
    expect(await rows()).toHaveLength(3);
  });

  it('begins none after one that failed, and lets the others come to their end', async () => {
    const folder = await folderOf(String(GATED), 'x', '3');
    const gate = await gated();
    const loading = load(folder);
    await gate.reached();
    await state('failed');
    await gate.release();

    const report = await loading;
    expect(report).toMatchObject({ status: 'failed', rowsLoaded: 1 });
    expect(report.error).toMatchObject({
      ...{ code: 'VALUE_REFUSED', sqlstate: '22P02', source: join(folder, '2.csv') },
      ...{ record: 1, line: 2, byteOffset: 2, excerpt: 'x' },
    });
    expect(report.error?.message).toMatch(/^1 of 3 files are loaded; then: /);
    expect(namesOf(report, folder)).toEqual(['1.csv']);
    expect(await rows()).toEqual([{ a: 1 }]);
    expect(await db.sql('select state from load order by state')).toEqual(
      ['done', 'failed'].map((each) => ({ state: each })),
    );
  });

  it('rolls back all that are under way when it is interrupted', async () => {
    const folder = await folderOf(String(GATED), '2');
    const gate = await gated();
    const interruption = new AbortController();
    const loading = load(folder, {}, { signal: interruption.signal });
    await gate.reached();
    await state('done');
    interruption.abort();

    const report = await loading;
    expect(report).toMatchObject({ status: 'interrupted', error: { code: 'INTERRUPTED' } });
    expect(await rows()).toEqual([{ a: 2 }]);
    await gate.release();
    expect(await load(folder)).toMatchObject({ status: 'loaded', rowsLoaded: 2 });
    expect(await rows()).toHaveLength(2);
  });

  it('takes a thread that dies for a load that is in doubt, which the ledger knows of', async () => {
    const folder = await folderOf(String(GATED));
    const gate = await gated();
    const threads = new LoadThreads(new Secret(db.url()), { database: db.database });
    const source = { path: join(folder, '1.csv') };
    const input = { source, into: `${db.schema}.t`, ledgerSchema: db.schema };
    const loading = threads.run(input, () => undefined, undefined);
    await gate.reached();
    await threads[Symbol.asyncDispose]();
    expect(await loading).toMatchObject({
      report: { status: 'in-doubt', rowsLoaded: 0 },
      error: { code: 'IN_DOUBT', commitState: 'unknown' },
    });
    await gate.release();
    // Its session is about to notice that nobody is there, and may hold the claim until then.
    await waitFor('the load again', async () => {
      const report = await load(folder);
      return report.status === 'loaded' ? report : undefined;
    });
    expect(await rows()).toEqual([{ a: 1 }]);
  });
});

interface Watched {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}
