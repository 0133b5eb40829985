import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporary } from '../src/index.ts';
import {
  IS_ROOT,
  isRunning,
  makeDirectory,
  POSTGRES_15,
  postmasterPid,
  query,
  until,
  User,
} from './support.ts';

/** For all tests that are not about making a cluster, which takes seconds. */
let template = '';

beforeAll(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'copyline-template-'));
  chmodSync(folder, 0o777);
  template = path.join(folder, 'cluster');
});

afterAll(() => rmSync(path.dirname(template), { recursive: true, force: true, maxRetries: 20 }));

describe('a temporary server', () => {
  it('is there for its owner and gone after close, files and all', async () => {
    const database = await startTemporary({ template, settings: { max_connections: '17' } });
    const rows = await query(
      database,
      `select current_database() as db, current_setting('fsync') as fsync,
        current_setting('synchronous_commit') as sync, current_setting('max_connections') as max`,
    );
    expect(rows).toEqual([{ db: 'copyline', fsync: 'off', sync: 'on', max: '17' }]);
    const pid = postmasterPid(database.dataDirectory);
    await Promise.all([database.close(), database.close()]);
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(path.dirname(database.dataDirectory))).toBe(false);
  });

  it('takes any name of a database and any text in a setting', async () => {
    const name = `o"ne 'two' \\ drei ä`;
    await using database = await startTemporary({
      database: name,
      settings: { 'copyline.text': `it's \\ all` },
    });
    const rows = await query(
      database,
      `select current_database() as db, current_setting('copyline.text') as text`,
    );
    expect(rows).toEqual([{ db: name, text: `it's \\ all` }]);
  });

  it('refuses what is neither a database name nor a setting', async () => {
    const invalid = { code: 'CONFIG_INVALID' };
    await expect(startTemporary({ database: 'a\nb' })).rejects.toMatchObject(invalid);
    const settings = { "x = 'y'\nfsync": 'on' };
    await expect(startTemporary({ settings })).rejects.toMatchObject(invalid);
  });

  it('is a copy of a template, which one of those that come at once makes', async () => {
    const folder = makeDirectory();
    chmodSync(folder, 0o777);
    const own = path.join(folder, 'cluster');
    const databases = await Promise.all([1, 2].map(() => startTemporary({ template: own })));
    for (const database of databases) {
      // The second one would find it, if they were one.
      await query(database, 'create table t ()');
      await database.close();
    }
    expect(readdirSync(folder)).toEqual(['cluster']);
  });

  it.skipIf(!existsSync(POSTGRES_15))('runs the system’s PostgreSQL 15 as well', async () => {
    await using database = await startTemporary({ binDirectory: POSTGRES_15 });
    const rows = await query<{ version: string }>(database, 'show server_version');
    expect(Object.values(rows[0] ?? {})[0]).toMatch(/^15\./);
  });

  it('stops when its owner is killed, and the next start removes its files', async () => {
    const user = new User({ temporary: { template } });
    const database = await user.ready();
    const directory = path.dirname(database.dataDirectory);
    const pid = postmasterPid(database.dataDirectory);
    await user.kill();
    await until(() => !isRunning(pid), 'the server has ended');
    expect(existsSync(directory)).toBe(true);
    await using other = await startTemporary({ template });
    expect(existsSync(directory)).toBe(false);
    // … but never the files of one who lives.
    await using _third = await startTemporary({ template });
    expect(await query(other, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('neither keeps a forgetful program from ending nor outlives it', async () => {
    // Its files stay for the next start to remove, which none will in a directory of its own.
    const env = { TMPDIR: makeDirectory({ mode: 0o1777 }) };
    const user = new User({ temporary: { template }, forget: true }, { env });
    const database = await user.ready();
    expect(await user.ended).toBe(0);
    const pidFile = path.join(database.dataDirectory, 'postmaster.pid');
    await until(() => !existsSync(pidFile), 'the server has ended');
  });

  it.skipIf(process.platform !== 'linux')('sees nothing of the user’s environment', async () => {
    const user = new User(
      { temporary: { template } },
      { env: { PGDATA: '/nowhere', PGPORT: '1', PGUSER: 'x', LC_ALL: 'xx_YY', SECRET: 's3cret' } },
    );
    const database = await user.ready();
    const pid = postmasterPid(database.dataDirectory);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const names = environment.map((each) => each.split('=')[0]).filter((name) => name !== '');
    // PG_GRANDPARENT_PID and the like are PostgreSQL's own; PWD and _ are the shell's.
    expect(names.filter((name) => !['PWD', 'OLDPWD', '_'].includes(name ?? '')).sort()).toEqual([
      'LC_ALL',
      'PATH',
      'TZ',
    ]);
    await user.close();
  });
});

describe('a start that fails', () => {
  it('because there is no PostgreSQL names the place', async () => {
    const directory = makeDirectory();
    const failing = startTemporary({ binDirectory: directory });
    await expect(failing).rejects.toMatchObject({
      code: 'EMBEDDED_UNAVAILABLE',
      message: expect.stringContaining(`${directory}/postgres does not exist`) as unknown,
    });
  });

  it('because a program may not be executed is an error, not a crash', async () => {
    const directory = makeDirectory();
    writeFileSync(
      path.join(directory, 'postgres'),
      '#!/bin/sh\necho "postgres (PostgreSQL) 18.4"\n',
    );
    chmodSync(path.join(directory, 'postgres'), 0o755);
    writeFileSync(path.join(directory, 'initdb'), '');
    const failing = startTemporary({ binDirectory: directory });
    await expect(failing).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(/initdb could not create the database.*EACCES/s) as unknown,
      advice: expect.stringMatching(/permissions of the path/) as unknown,
    });
  });

  it('because of a setting quotes the server and keeps the cause', async () => {
    const failing = startTemporary({ template, settings: { shared_buffers: 'many' } });
    await expect(failing).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringMatching(/did not start.*shared_buffers/s) as unknown,
      cause: expect.any(Error) as unknown,
    });
  });

  // Root can take on any number; nobody else can.
  it.skipIf(!IS_ROOT)('because the user has no name is explained', async () => {
    const user = new User(
      { temporary: {} },
      { as: { uid: 54321, gid: 54321 }, env: { TMPDIR: makeDirectory({ mode: 0o1777 }) } },
    );
    const failure = await user.failure();
    expect(failure.code).toBe('EMBEDDED_START_FAILED');
    expect(failure.message).toMatch(/could not look up effective user ID 54321/);
    expect(failure.advice).toMatch(/useradd -u/);
  });
});
