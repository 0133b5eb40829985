import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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

/** All tests abuse the same database: what was once stored must survive every one of them. */
let home = '';
let stored = 0;

beforeAll(async () => {
  home = path.join(mkdtempSync(path.join(tmpdir(), 'copyline-kill-')), '.copyline');
  chmodSync(path.dirname(home), 0o755);
  await using database = await openEmbedded({ home });
  await query(database, 'create table t (n int)');
});

afterAll(() => rmSync(path.dirname(home), { recursive: true, force: true, maxRetries: 20 }));

/** Opens as a user in another process and stores one more row. */
async function openAndStore() {
  const user = new User({ home });
  const database = await user.ready();
  await query(database, `insert into t values (${++stored})`);
  const postmaster = postmasterPid(database.dataDirectory);
  return { user, database, postmaster, supervisor: supervisorPid(home) };
}

async function expectStored(): Promise<void> {
  await using database = await openEmbedded({ home });
  expect(database.started).toBe(true);
  expect(await query(database, 'select count(*)::int as rows from t')).toEqual([{ rows: stored }]);
}

describe('kill -9', () => {
  it('of the only user stops everything', async () => {
    const { user, postmaster, supervisor } = await openAndStore();
    await user.kill();
    await until(() => !isRunning(supervisor), 'the supervisor has ended');
    expect(isRunning(postmaster)).toBe(false);
    await expectStored();
  });

  it('of one of two users does not disturb the other', async () => {
    const { user, postmaster } = await openAndStore();
    const other = await openEmbedded({ home });
    await user.kill();
    expect(await query(other, 'select 1 as one')).toEqual([{ one: 1 }]);
    await other.close();
    expect(isRunning(postmaster)).toBe(false);
  });

  it('of the supervisor stops the server, and the next user starts it again', async () => {
    const { user, postmaster, supervisor } = await openAndStore();
    process.kill(supervisor, 'SIGKILL');
    await until(() => !isRunning(postmaster), 'the server has ended');
    await user.close();
    await expectStored();
    expect(readdirSync(home).sort()).toEqual(['.gitignore', 'data', 'postgres.log', 'server.json']);
  });

  it('of supervisor and watchdog leaves a server that the next user stops first', async () => {
    const { user, postmaster, supervisor } = await openAndStore();
    for (const pid of watchdogsOf(postmaster)) process.kill(pid, 'SIGKILL');
    process.kill(supervisor, 'SIGKILL');
    await until(() => !isRunning(supervisor), 'the supervisor has ended');
    expect(isRunning(postmaster)).toBe(true);
    await expectStored();
    expect(isRunning(postmaster)).toBe(false);
    await user.close();
  });

  it('of the server lets its users go; the next start recovers', async () => {
    const { user, postmaster, supervisor } = await openAndStore();
    process.kill(postmaster, 'SIGKILL');
    await until(() => !isRunning(supervisor), 'the supervisor has ended');
    await user.close();
    await expectStored();
  });

  it('of everything, with the server’s number taken by a stranger, does not keep it from starting', async () => {
    const { user, database, postmaster, supervisor } = await openAndStore();
    for (const pid of [supervisor, postmaster]) process.kill(pid, 'SIGKILL');
    await user.close();
    await until(() => !isRunning(postmaster), 'the server has ended');
    const file = path.join(database.dataDirectory, 'postmaster.pid');
    const [, ...lines] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, [process.pid, ...lines].join('\n'));
    await expectStored();
  });

  it('during the first start leaves no half database', async () => {
    const home = path.join(makeDirectory(), '.copyline');
    const user = new User({ home });
    const started = (): string[] =>
      existsSync(home) ? readdirSync(home).filter((name) => name.startsWith('data.new-')) : [];
    await until(() => started().length > 0, 'initdb is at work');
    process.kill(supervisorPid(home), 'SIGKILL');
    await user.kill();
    expect(existsSync(path.join(home, 'data'))).toBe(false);
    await using database = await openEmbedded({ home });
    expect(await query(database, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(started()).toEqual([]);
  });
});

/** The shells that would stop this server: the ones that have its pid on their command line. */
function watchdogsOf(postmaster: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return words[0] === '/bin/sh' && words.includes(String(postmaster));
      } catch {
        return false;
      }
    })
    .map(Number);
}
