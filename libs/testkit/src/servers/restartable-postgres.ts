import { startTemporary } from '@copyline/embedded';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openClient } from '../databases/sql-client.ts';
import { waitFor } from '../waiting.ts';

/** A PostgreSQL of one test, which may stop it; it is gone when the test ends. */
export interface RestartablePostgres {
  readonly host: string;
  readonly port: number;
  /** `postgresql://` with the superuser and its password. */
  url(database?: string): string;
  /** Immediate, as in a crash: sessions end in the middle of whatever they do. */
  stop(): Promise<void>;
  /** Again on the same port and data, after a `stop`. */
  start(): Promise<void>;
}

const START_MS = 30_000;

/** Only inside a test or a `beforeEach`. */
export async function startPostgres(): Promise<RestartablePostgres> {
  const database = await startTemporary();
  const { host, port, user, password, dataDirectory } = database;
  const postmaster = (): number =>
    Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
  // As it was started first: the same program, arguments, account and libraries.
  const [program = '', ...args] = commandOf(
    readFileSync(join(dataDirectory, 'postmaster.opts'), 'utf8'),
  );
  const env = environmentOf(postmaster());
  const { uid, gid } = statSync(dataDirectory);

  const stop = async (): Promise<void> => {
    process.kill(postmaster(), 'SIGQUIT');
    const pidFile = join(dataDirectory, 'postmaster.pid');
    await waitFor('PostgreSQL to stop', () => !existsSync(pidFile), { timeoutMs: START_MS });
  };
  const url = (name = database.database): string =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  const start = async (): Promise<void> => {
    const account = process.getuid?.() === 0 ? { uid, gid } : {};
    const child = spawn(program, args, {
      detached: true,
      stdio: 'ignore',
      cwd: dataDirectory,
      env,
      ...account,
    });
    child.unref();
    const isReady = async (): Promise<boolean> => {
      const client = await openClient(url()).catch(() => undefined);
      await client?.end();
      return client !== undefined;
    };
    await waitFor('PostgreSQL to be back', isReady, { timeoutMs: START_MS, intervalMs: 50 });
  };
  onTestFinished(async () => {
    // Whoever was started here is not the one that `close` knows.
    if (existsSync(join(dataDirectory, 'postmaster.pid'))) await stop();
    await database.close();
  });
  return { host, port, url, stop, start };
}

/** `postmaster.opts`: the program, then each argument in double quotes. */
function commandOf(line: string): string[] {
  const [program = ''] = line.split(' "');
  return [
    program.trim(),
    ...Array.from(line.matchAll(/"([^"]*)"/g), ([, argument = '']) => argument),
  ];
}

/** Packaged binaries may need their libraries' path; without /proc they have to do without. */
function environmentOf(pid: number): NodeJS.ProcessEnv {
  const file = `/proc/${pid}/environ`;
  if (!existsSync(file)) return process.env;
  const pairs = readFileSync(file, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
