import type { LoadReport } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { startFaultProxy, anyServer, useTestDatabase, type FaultProxy } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

import { loadFiles, runLoad, type FilesLoadInput, type LoadDeps } from '../src/index.ts';

describe.each(anyServer())('many files on $name', (server) => {
  const db = useTestDatabase(server);
  const deps = (): LoadDeps => ({ connect: () => connect({ target: db.url() }), database: 'd' });

  async function folderOf(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-files-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content);
    }
    return folder;
  }

  async function load(
    names: readonly string[],
    spec: Partial<FilesLoadInput> = {},
    atomic = false,
  ): Promise<LoadReport> {
    const input = { into: `${db.schema}.t`, ledgerSchema: db.schema, ...spec };
    const { report, error } = await loadFiles(names, input, deps(), { atomic });
    if (error?.code === 'INTERNAL') throw error;
    return report;
  }

  /** Connects through a proxy, whose fault is armed when the load first comes to COMMIT. */
  function failingAtCommit(proxy: FaultProxy, arm: () => unknown, connections = 9): LoadDeps {
    let isArmed = false;
    let left = connections;
    return {
      ...deps(),
      connect: () => {
        if (left === 0) throw new Error('the server takes no more connections');
        left -= 1;
        return connect({ target: proxy.url(db) });
      },
      onProgress: ({ phase }) => {
        if (phase !== 'commit' || isArmed) return;
        isArmed = true;
        arm();
      },
    };
  }

  const rows = (): Promise<unknown[]> => db.sql('select a from t order by a');
  const namesOf = (report: LoadReport, folder: string): string[] =>
    report.files.map(({ source }) => source.slice(folder.length + 1));

  it('C62 loads what a pattern or a folder means in the order of bytes, and tomorrow the one that is new', async () => {
    await db.sql('create table t (a int, b text)');
    const folder = await folderOf({
      'b.csv': 'a,b\n2,x\n',
      'B.csv': 'b,a\nx,1\n',
      'a 1%[é].csv': 'a,b\n3,x\n',
      'a.csv.gz': gzipSync('a,b\n4,x\n'),
      '.hidden.csv': 'no',
      'c.csv.part': 'a,b\n5',
      "'; drop table t; --\n.csv": 'a,b\n6,x\n',
    });
    await mkdir(join(folder, 'sub.csv'));
    const first = await load([join(folder, '*.csv'), join(folder, '*.csv*')]);
    expect(first).toMatchObject({ status: 'loaded', rowsLoaded: 5, deduplicated: false });
    const order = ["'; drop table t; --\n.csv", 'B.csv', 'a 1%[é].csv', 'b.csv', 'a.csv.gz'];
    expect(namesOf(first, folder)).toEqual(order);
    expect(first.warnings).toMatchObject([{ code: 'FILE_SKIPPED' }]);
    await writeFile(join(folder, 'z.csv'), 'a,b\n7,x\n');
    const second = await load([folder]);
    expect(second.error).toBeNull();
    expect(second.files.filter(({ deduplicated }) => !deduplicated)).toMatchObject([
      { source: join(folder, 'z.csv'), rowsLoaded: 1 },
    ]);
    expect(await rows()).toEqual([1, 2, 3, 4, 6, 7].map((a) => ({ a })));
    expect(await db.sql(`select count(*)::int as n from load where state = 'done'`)).toEqual([
      { n: 6 },
    ]);
    // A name with a bracket that is a file is that file.
    expect(await load([join(folder, 'a 1%[é].csv')])).toMatchObject({ deduplicated: true });
    for (const nothing of [join(folder, '*.json'), join(folder, 'sub.csv')]) {
      expect((await load([nothing])).error).toMatchObject({ code: 'NO_FILES', source: nothing });
    }
  });

  it('C62 compares all before the first is loaded, and names both that differ', async () => {
    await db.sql('create table t (a int, b text)');
    const folder = await folderOf({ '1.csv': 'a,b\n1,x\n', '2.csv': 'a,c\n2,x\n' });
    const report = await load([folder]);
    expect(report.error).toMatchObject({ code: 'FILES_DIFFER', source: join(folder, '2.csv') });
    expect(report.error?.message).toContain(
      `2.csv differs from ${join(folder, '1.csv')}: it lacks “b”, and it has “c” beside`,
    );
    await writeFile(join(folder, '2.csv'), '{"a":1,"b":""}\n');
    expect((await load([folder])).error).toMatchObject({ code: 'FILES_DIFFER' });
    await writeFile(join(folder, '2.csv'), '%PDF-1.7');
    expect((await load([folder])).error).toMatchObject({ code: 'NOT_CSV' });
    expect(await rows()).toEqual([]);
  });

  // The face has no COPY under a savepoint, so it loads files one by one: see dws-face.test.ts.
  const itMayBeAtomic = it.skipIf(server.isFace);

  itMayBeAtomic(
    'one after the other keeps what was loaded; --atomic loads all or none, and each once',
    async () => {
      await db.sql('create table t (a int, b text)');
      const folder = await folderOf({
        '1.csv': 'a,b\n1,x\n',
        '2.csv': 'a,b\n2,x\n',
        '3.csv': 'a,b\n!,x\n',
      });
      const none = await load([folder], {}, true);
      expect(none).toMatchObject({ status: 'failed', rowsLoaded: 0, files: [] });
      expect(none.error).toMatchObject({
        code: 'VALUE_REFUSED',
        source: join(folder, '3.csv'),
        record: 1,
        commitState: 'rolled_back',
      });
      expect(await rows()).toEqual([]);
      const states = await db.sql('select distinct state from load');
      expect(states).toEqual([{ state: 'failed' }]);
      const some = await load([folder]);
      expect(some).toMatchObject({ status: 'failed', rowsLoaded: 2 });
      expect(some.error?.message).toContain('2 of 3 files are loaded');
      // The same content once more among them, and one that is known by now.
      await writeFile(join(folder, '3.csv'), 'a,b\n3,x\n');
      await writeFile(join(folder, '4.csv'), 'a,b\n3,x\n');
      const all = await load([folder], {}, true);
      expect(all).toMatchObject({ error: null, status: 'loaded', guarantee: 'exactly-once' });
      expect(all.files.map((file) => file.deduplicated)).toEqual([true, true, false, true]);
      expect(await rows()).toEqual([1, 2, 3].map((a) => ({ a })));
      expect(await load([folder], {}, true)).toMatchObject({ deduplicated: true });
      expect(await load([folder], { ledger: 'none' }, true)).toMatchObject({
        error: null,
        rowsLoaded: 4,
        guarantee: 'at-least-once',
      });
      const created = await load([folder], { create: true, into: `${db.schema}.n` }, true);
      expect(created.error).toMatchObject({ code: 'TABLE_NOT_FOUND' });
      const rejects = { onError: 'continue', rejectsFile: join(folder, 'r') } as const;
      expect((await load([folder], rejects)).error).toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  itMayBeAtomic('continue mode in one transaction: the rejects of each file are kept', async () => {
    await db.sql('create table t (a int primary key, b text)');
    const folder = await folderOf({ '1.csv': 'a,b\n1,x\n2\n', '2.csv': 'a,b\n1,y\n3,z\n' });
    const report = await load([folder], { onError: 'continue' }, true);
    expect(report).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 2 });
    expect(await rows()).toEqual([{ a: 1 }, { a: 3 }]);
    expect(await db.sql('select count(*)::int as n from reject')).toEqual([{ n: 2 }]);
  });

  itMayBeAtomic(
    'F12 in one transaction: the ledger tells what became of a COMMIT whose answer is lost',
    async () => {
      await db.sql('create table t (a int, b text)');
      const folder = await folderOf({
        '1.csv': 'a,b\n1,x\n',
        '2.csv': 'a,b\n2,x\n',
        '3.csv': 'a,b\n2,x\n',
      });
      const proxy = await startFaultProxy(server);
      onTestFinished(() => proxy.close());
      const input = { into: `${db.schema}.t`, ledgerSchema: db.schema };
      // One connection for the load, one that asks the ledger: what is committed needs no other.
      const through = failingAtCommit(proxy, () => proxy.dropReply(/^COMMIT$/), 2);
      const { report } = await loadFiles([folder], input, through, { atomic: true });
      expect(report).toMatchObject({ error: null, status: 'loaded' });
      expect(report.files.map((file) => file.deduplicated)).toEqual([false, false, true]);
      expect(report.warnings.map(({ code }) => code)).toEqual(['COMMIT_SETTLED']);
      expect(await rows()).toEqual([{ a: 1 }, { a: 2 }]);
    },
  );

  itMayBeAtomic(
    'F12 in one transaction: a COMMIT that never arrived is a failure of every file',
    async () => {
      await db.sql('create table t (a int, b text)');
      const folder = await folderOf({ '1.csv': 'a,b\n1,x\n', '2.csv': 'a,b\n2,x\n' });
      await using proxy = await startFaultProxy(server);
      const input = { into: `${db.schema}.t`, ledgerSchema: db.schema };
      const through = failingAtCommit(proxy, () => proxy.dropQuery(/^COMMIT$/));
      const { report } = await loadFiles([folder], input, through, { atomic: true });
      expect(report.error).toMatchObject({ code: 'CONNECTION_LOST', commitState: 'rolled_back' });
      expect(await rows()).toEqual([]);
      expect(await db.sql('select state from load')).toEqual([
        { state: 'failed' },
        { state: 'failed' },
      ]);
    },
  );

  itMayBeAtomic(
    'in one transaction: what is known with other settings ends it before COMMIT, not behind',
    async () => {
      await db.sql('create table t (a int, b text)');
      const folder = await folderOf({ 'a.csv': 'a,b\n1,NA\n', 'b.csv': 'a,b\n2,x\n' });
      await load([join(folder, 'a.csv')], { dialect: { null: 'NA' } });
      await writeFile(join(folder, 'a.csv.gz'), gzipSync('a,b\n1,NA\n'));
      const names = [join(folder, 'b.csv'), join(folder, 'a.csv.gz')];
      const report = await load(names, {}, true);
      expect(report).toMatchObject({ status: 'failed', rowsLoaded: 0, files: [] });
      expect(report.error).toMatchObject({
        code: 'ALREADY_LOADED_DIFFERENTLY',
        commitState: 'rolled_back',
      });
      expect(await rows()).toEqual([{ a: 1 }]);
      const failed = await db.sql(`select count(*)::int as n from load where state = 'failed'`);
      expect(failed).toEqual([{ n: 2 }]);
    },
  );

  it('files that may not be complete, or are no files', async () => {
    await db.sql('create table t (a int, b text)');
    const folder = await folderOf({ 'x.csv': 'a,b\n1,x\n', 'y.csv.tmp': 'a,b\n2,x\n' });
    const path = join(folder, 'x.csv');
    const one = async (spec: Partial<FilesLoadInput>, file = path): Promise<unknown> => {
      const input = { source: { path: file }, into: `${db.schema}.t`, ledgerSchema: db.schema };
      return (await runLoad({ ...input, ...spec }, deps())).report.error;
    };
    const incomplete = { code: 'SOURCE_INCOMPLETE', retry: 'retry' };
    expect(await one({}, join(folder, 'y.csv.tmp'))).toMatchObject(incomplete);
    expect(await one({ settleMs: 3_600_000 })).toMatchObject(incomplete);
    expect(await one({ doneMarker: '.done' })).toMatchObject(incomplete);
    expect((await load([folder], { settleMs: 3_600_000 })).error).toMatchObject({
      code: 'NO_FILES',
    });
    const old = new Date(Date.now() - 7_200_000);
    await utimes(path, old, old);
    await writeFile(`${path}.done`, '');
    const settled = { settleMs: 3_600_000, doneMarker: '.done' };
    expect(await load([folder], settled)).toMatchObject({ error: null, rowsLoaded: 1 });
    await symlink(path, join(folder, 'link.csv'));
    const linked = await load([join(folder, '*.csv')]);
    expect(linked.files).toHaveLength(2);
    execFileSync('mkfifo', [join(folder, 'p.csv')]);
    const special = await load([folder], { doneMarker: undefined });
    expect(special.error).toMatchObject({ code: 'SOURCE_NOT_A_FILE' });
    await rm(join(folder, 'p.csv'));
    await symlink(join(folder, 'gone'), join(folder, 'q.csv'));
    expect((await load([folder])).error).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });
});
