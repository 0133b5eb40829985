import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbedded } from '../src/index.ts';
import {
  isRunning,
  makeDirectory,
  postmasterPid,
  query,
  supervisorPid,
  until,
  User,
} from './support.ts';

const newHome = (): string => path.join(makeDirectory(), '.copyline');

/** For all tests that are not about the first start: creating a database takes a second or two. */
let home = '';

beforeAll(async () => {
  home = path.join(mkdtempSync(path.join(tmpdir(), 'copyline-open-')), '.copyline');
  chmodSync(path.dirname(home), 0o755);
  await openEmbedded({ home }).then((database) => database.close());
});

afterAll(() => rmSync(path.dirname(home), { recursive: true, force: true, maxRetries: 20 }));

describe('a working directory’s database', () => {
  it('keeps its data, login and port from one opening to the next', async () => {
    const first = await openEmbedded({ home });
    expect(first).toMatchObject({ started: true, user: 'copyline', database: 'copyline' });
    await query(first, `create table t as select 'Ärger' as word`);
    const pids = [postmasterPid(first.dataDirectory), supervisorPid(home)];
    await first.close();
    expect(isRunning(pids[0] as number)).toBe(false);
    await until(() => !pids.some(isRunning), 'the supervisor has ended, too');

    await using second = await openEmbedded({ home });
    expect(second).toMatchObject({ password: first.password, port: first.port, started: true });
    expect(await query(second, 'select upper(word) from t')).toEqual([{ upper: 'ÄRGER' }]);
  });

  it('says in sentences what takes a while', async () => {
    const said: string[] = [];
    await using _database = await openEmbedded({
      home: newHome(),
      onStatus: (sentence) => said.push(sentence),
    });
    expect(said.join('\n')).toMatch(/^Creating a PostgreSQL 18\.\d+ database in \/.*\/data …$/m);
  });

  it('is durable, and reachable over loopback only', async () => {
    await using database = await openEmbedded({ home });
    const names = `'fsync', 'jit', 'listen_addresses', 'unix_socket_directories', 'data_checksums',
      'shared_buffers', 'max_wal_size', 'TimeZone', 'synchronous_commit', 'full_page_writes'`;
    const sql = `select name, current_setting(name) as value from pg_settings where name in (${names})`;
    const rows = await query<{ name: string; value: string }>(database, sql);
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual({
      TimeZone: 'UTC',
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      jit: 'off',
      listen_addresses: '127.0.0.1',
      max_wal_size: '4GB',
      shared_buffers: '256MB',
      synchronous_commit: 'on',
      unix_socket_directories: '',
    });
    await expect(query({ ...database, password: 'wrong' }, 'select 1')).rejects.toThrow(/password/);
  });

  it('shows its secrets to nobody else and forgets them when it stops', async () => {
    const database = await openEmbedded({ home });
    const holders = filesBelow(home).filter((file) =>
      readFileSync(file).includes(database.password),
    );
    expect(holders.map((file) => path.relative(home, file)).sort()).toEqual([
      'data/copyline.json',
      'server.json',
    ]);
    for (const file of holders) expect(statSync(file).mode & 0o077).toBe(0);
    expect(statSync(database.logFile).mode & 0o077).toBe(0);
    await database.close();
    expect(readFileSync(path.join(home, 'server.json'), 'utf8')).toBe(
      `{"port":${database.port}}\n`,
    );
    expect(readFileSync(path.join(home, '.gitignore'), 'utf8')).toBe('*\n');
  });

  it('takes another port when its last one is taken', async () => {
    const first = await openEmbedded({ home });
    await first.close();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    try {
      await using second = await openEmbedded({ home });
      expect(second.port).not.toBe(first.port);
      expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
    } finally {
      squatter.close();
    }
  });
});

describe('users of one database', () => {
  it('share one server; the last one stops it', async () => {
    const first = new User({ home });
    const { dataDirectory } = await first.ready();
    const second = await openEmbedded({ home });
    expect(second.started).toBe(false);
    const pids = [postmasterPid(dataDirectory), supervisorPid(home)];
    await first.close();
    expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
    const third = await openEmbedded({ home });
    await Promise.all([second.close(), second.close(), third.close()]);
    await second.close();
    expect(isRunning(pids[0] as number)).toBe(false);
    await until(() => !pids.some(isRunning), 'the supervisor has ended, too');
  });

  it('that start it for the first time at once get the same one', async () => {
    const home = newHome();
    const users = [1, 2, 3].map(() => new User({ home }));
    const databases = await Promise.all(users.map((user) => user.ready()));
    expect(databases.filter(({ started }) => started)).toHaveLength(1);
    expect(new Set(databases.map(({ port }) => port)).size).toBe(1);
    for (const database of databases) await query(database, 'select 1');
    await Promise.all(users.map((user) => user.close()));
    expect(existsSync(path.join(databases[0]?.dataDirectory ?? '', 'postmaster.pid'))).toBe(false);
    expect(readdirSync(home).sort()).toEqual(['.gitignore', 'data', 'postgres.log', 'server.json']);
  });

  it('may leave and come at the same moment', async () => {
    let previous = await openEmbedded({ home });
    for (let round = 0; round < 4; round++) {
      const [next] = await Promise.all([openEmbedded({ home }), previous.close()]);
      expect(await query(next, 'select 1 as one')).toEqual([{ one: 1 }]);
      previous = next;
    }
    await previous.close();
  });

  it('are not counted without the token', async () => {
    const database = await openEmbedded({ home });
    const state = JSON.parse(readFileSync(path.join(home, 'server.json'), 'utf8')) as {
      controlPort: number;
    };
    const stranger = connect(state.controlPort, '127.0.0.1');
    let heard = '';
    stranger.on('data', (chunk) => (heard += String(chunk))).on('error', () => {});
    const gone = new Promise((resolve) => stranger.once('close', resolve));
    stranger.write('let me in\n');
    await gone;
    expect(heard).toBe('');
    const supervisor = supervisorPid(home);
    await database.close();
    await until(() => !isRunning(supervisor), 'the supervisor has ended');
  });

  it('who stop waiting leave nothing behind', async () => {
    const home = newHome();
    const interruption = new AbortController();
    const opening = openEmbedded({
      home,
      onStatus: () => interruption.abort(new Error('enough')),
      signal: interruption.signal,
    });
    await expect(opening).rejects.toMatchObject({
      code: 'INTERRUPTED',
      cause: expect.objectContaining({ message: 'enough' }) as unknown,
    });
    await using database = await openEmbedded({ home });
    expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(home).filter((name) => name.startsWith('data'))).toEqual(['data']);
  });

  it('are not disturbed by Ctrl-C in the terminal, which reaches the whole process group', async () => {
    const user = new User({ home });
    const database = await user.ready();
    process.kill(-(user.process.pid as number), 'SIGINT');
    await user.event((each) => each.interrupted);
    expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
    await user.close();
  });
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
