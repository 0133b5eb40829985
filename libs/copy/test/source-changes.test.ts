import { openGate, anyServer } from '@copyline/testkit';
import { execFile } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  readFile,
  rename,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';
import { BYTES, dataPage, INT, int32s, rawParquet, texts, type RawPage } from './parquet-raw.ts';

const run = promisify(execFile);
/** Some 20 MB: more than the reader reads ahead and the sockets hold. */
const MANY_ROWS = 100_000;

describe.each(anyServer())('a source on $name', (server) => {
  const loading = useLoading(server);

  /** Parks the server in the first row, changes the file, and lets it go on. */
  async function loadWhile(content: number | Buffer, change: (path: string) => Promise<unknown>) {
    await loading.db.sql('create table t (a int, b text)');
    const path = await loading.write(typeof content === 'number' ? csvOf(content) : content);
    const gate = await openGate(loading.db, 't', { column: 'a', at: 0 });
    const report = loading.load(path);
    await gate.reached();
    await change(path);
    await gate.release();
    return { report: await report, path };
  }

  const changes = {
    'F37 truncated': (path: string) => truncate(path, 100),
    'F38 appended to': (path: string) => appendFile(path, '9,x\n'),
    'F43 emptied': (path: string) => writeFile(path, ''),
    'written anew with the same size': async (path: string) =>
      writeFile(path, await readFile(path)),
  };

  describe.each([
    ['a file that was read already', 3],
    ['a file that is still being read', MANY_ROWS],
  ])('%s', (_, rows) => {
    it.each(Object.entries(changes))('%s: rolled back, to be retried', async (_what, change) => {
      const { report, path } = await loadWhile(rows, change);
      expect(report.error).toMatchObject({
        code: 'SOURCE_CHANGED',
        retry: 'retry',
        commitState: 'rolled_back',
        source: path,
      });
      await expectNothingStored(loading, report);
    });

    it('F39 replaced by another under its name: the opened one is loaded, the other is new', async () => {
      const { report, path } = await loadWhile(rows, async (old) => {
        await writeFile(`${old}.new`, 'a,b\n-1,new\n');
        await rename(`${old}.new`, old);
      });
      expect(report).toMatchObject({ status: 'loaded', rowsLoaded: rows });
      expect(await loading.load(path)).toMatchObject({ deduplicated: false, rowsLoaded: 1 });
    });

    it('deleted: the opened one is loaded', async () => {
      const { report } = await loadWhile(rows, unlink);
      expect(report).toMatchObject({ status: 'loaded', rowsLoaded: rows });
    });
  });

  describe('in another form than CSV, while it is still being read', () => {
    const overwrite = async (path: string): Promise<void> =>
      writeFile(path, Buffer.alloc((await readFile(path)).length, 0x41));
    const others = {
      ...{ 'F37 truncated': changes['F37 truncated'], 'F43 emptied': changes['F43 emptied'] },
      'overwritten by something else': overwrite,
    };

    it.each(Object.entries(FORMS))('%s: rolled back, to be retried', async (form, make) => {
      const content = make();
      for (const [what, change] of Object.entries(others)) {
        const { report } = await loadWhile(content, change);
        expect([what, report.error]).toMatchObject([
          what,
          { code: 'SOURCE_CHANGED', retry: 'retry', commitState: 'rolled_back' },
        ]);
        expect(await loading.db.sql('select from t')).toEqual([]);
        await loading.db.sql('drop table t');
      }
      const { report } = await loadWhile(content, unlink);
      expect([form, report]).toMatchObject([form, { status: 'loaded', rowsLoaded: FORM_ROWS }]);
    });
  });

  it('a refused value in a file that has changed since is not placed by its new content', async () => {
    await loading.db.sql('create table t (a int, b int)');
    const path = await loading.write('a,b\n0,1\n1,x\n');
    const gate = await openGate(loading.db, 't', { column: 'a', at: 0 });
    const loaded = loading.load(path, { lane: 'byte' });
    await gate.reached();
    // As long as before, and readable: only its time tells that this is another content.
    await writeFile(path, 'a,b\n0,1\n5,6\n');
    await gate.release();
    const report = await loaded;
    expect(report.error).toMatchObject({ code: 'VALUE_REFUSED', located: false, record: null });
    await expectNothingStored(loading, report);
  });

  describe('C61 that is no readable file', () => {
    const kinds: Record<
      string,
      readonly [make: (path: string) => Promise<unknown>, code: string, words: string]
    > = {
      'a directory': [(path) => mkdir(path), 'SOURCE_NOT_A_FILE', 'a directory'],
      'a FIFO that nobody writes to': [
        (path) => run('mkfifo', [path]),
        'SOURCE_NOT_A_FILE',
        'a pipe',
      ],
      'a socket': [listenOn, 'SOURCE_NOT_A_FILE', 'a socket'],
      'a link to /dev/null': [
        (path) => symlink('/dev/null', path),
        'SOURCE_NOT_A_FILE',
        'a device',
      ],
      'a link to /dev/zero': [
        (path) => symlink('/dev/zero', path),
        'SOURCE_NOT_A_FILE',
        'a device',
      ],
      'a link to nothing': [
        (path) => symlink(`${path}.gone`, path),
        'SOURCE_NOT_FOUND',
        'not exist',
      ],
      'a link to itself': [(path) => symlink(path, path), 'SOURCE_UNREADABLE', 'ELOOP'],
      nothing: [() => Promise.resolve(), 'SOURCE_NOT_FOUND', 'not exist'],
    };

    it.each(Object.entries(kinds))('%s', async (_, [make, code, words]) => {
      const path = join(dirname(await loading.write('')), 'source');
      await make(path);
      const report = await loading.load(path);
      expect(report.error).toMatchObject({ code, source: path, located: false });
      expect(report.error?.message).toContain(words);
      expect(report.loadId).toBeNull();
    });

    it.skipIf(process.getuid?.() !== 0)('a file of another user’s', async () => {
      const path = await loading.write('a\n1\n');
      await chmod(dirname(path), 0o755);
      await chmod(path, 0o600);
      // An ordinary user for as long as the load runs: root may read everything.
      process.seteuid?.(65_534);
      const report = await loading.load(path).finally(() => process.seteuid?.(0));
      expect(report.error).toMatchObject({ code: 'SOURCE_UNREADABLE', source: path });
      expect(report.error?.message).toContain('EACCES');
    });

    it('but a link to a file is one, and the same source as the file', async () => {
      await loading.db.sql('create table t (a int, b int)');
      const path = await loading.write('a,b\n1,2\n');
      await symlink(path, `${path}.link`);
      expect(await loading.load(`${path}.link`)).toMatchObject({
        rowsLoaded: 1,
        deduplicated: false,
      });
      expect(await loading.load(path)).toMatchObject({ deduplicated: true });
    });
  });
});

function csvOf(rows: number): string {
  const text = 'some text '.repeat(20);
  return `a,b\n${Array.from({ length: rows }, (_, i) => `${String(i)},${text}\n`).join('')}`;
}

/** Texts that pack badly, a page of them in each column for a thousand rows. */
const FORM_ROWS = 40_000;
const PAGE_ROWS = 1000;
const TEXTS = Array.from({ length: FORM_ROWS }, () => randomBytes(150).toString('base64'));
const FORMS: Readonly<Record<string, () => Buffer>> = {
  'gzip (F41)': () =>
    gzipSync(`a,b\n${TEXTS.map((text, i) => `${String(i)},${text}\n`).join('')}`, { level: 1 }),
  'JSON Lines': () =>
    Buffer.from(TEXTS.map((text, i) => `{"a":${String(i)},"b":"${text}"}\n`).join('')),
  Parquet: () => {
    const pagesOf = (make: (from: number) => Buffer): RawPage[] =>
      Array.from({ length: FORM_ROWS / PAGE_ROWS }, (_, p) =>
        dataPage(make(p * PAGE_ROWS), PAGE_ROWS),
      );
    const numbers = (from: number): Buffer =>
      int32s(...Array.from({ length: PAGE_ROWS }, (_, i) => from + i));
    const values = (from: number): Buffer => texts(...TEXTS.slice(from, from + PAGE_ROWS));
    return rawParquet([
      { element: { ...INT, name: 'a' }, pages: pagesOf(numbers), count: FORM_ROWS },
      { element: { ...BYTES, name: 'b' }, pages: pagesOf(values), count: FORM_ROWS },
    ]);
  },
};

async function listenOn(path: string): Promise<void> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  onTestFinished(() => new Promise<void>((resolve) => listener.close(() => resolve())));
}
