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
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';

const run = promisify(execFile);
/** Some 20 MB: more than the reader reads ahead and the sockets hold. */
const MANY_ROWS = 100_000;

describe.each(anyServer())('a source on $name', (server) => {
  const loading = useLoading(server);

  /** Parks the server in the first row, changes the file, and lets it go on. */
  async function loadWhile(rows: number, change: (path: string) => Promise<unknown>) {
    await loading.db.sql('create table t (a int, b text)');
    const text = 'some text '.repeat(20);
    const lines = Array.from({ length: rows }, (_, i) => `${String(i)},${text}\n`);
    const path = await loading.write(`a,b\n${lines.join('')}`);
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

async function listenOn(path: string): Promise<void> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  onTestFinished(() => new Promise<void>((resolve) => listener.close(() => resolve())));
}
