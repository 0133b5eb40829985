import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor, within } from '../waiting.ts';

const HOST = '127.0.0.1';
const PREFIX = 'copyline-redis-';
/** The process that may remove the directory; a directory of a dead one is swept. */
const OWNER_FILE = 'owner';
/** Somebody else may take the free port first. */
const START_ATTEMPTS = 5;
const GOODBYE_MS = 10_000;

export interface RedisOptions {
  /** Every write is on disk before its answer. Default: nothing is kept over a restart. */
  readonly appendonly?: boolean;
  /** As Redis writes it: `2mb`. Default: no limit. */
  readonly maxmemory?: string;
  /** What happens at that limit. Default: `noeviction`. */
  readonly policy?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** What the addresses of a Redis are made of; plain data, because it crosses processes. */
export interface RedisFacts {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

/** A server with a directory of its own. It cannot outlive the process that has started it. */
export interface RedisProcess extends RedisFacts {
  /** Ends it as a crash does, unless told otherwise, and waits for its end. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** It stands still, as on a machine that swaps: connections stay and nothing is answered. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Again on the same port and directory: with `appendonly` it knows what it knew. */
  readonly start: () => Promise<void>;
  /** Ends it and removes its directory. */
  readonly close: () => Promise<void>;
}

/** Whether this machine has a Redis to test with. */
export function hasRedis(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export async function launchRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  sweep();
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  await writeFile(join(directory, OWNER_FILE), String(process.pid));
  const password = randomBytes(16).toString('hex');
  let child: ChildProcess | undefined;
  let watchdog: ChildProcess | undefined;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const ended = exitOf(ending);
    ending.kill(signal);
    // A server that was stopped hears of nothing else.
    ending.kill('SIGCONT');
    await within('Redis to end', ended, GOODBYE_MS);
    watchdog?.kill('SIGKILL');
  };
  const close = async (): Promise<void> => {
    await end('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  const startOn = async (port: number): Promise<boolean> => {
    const config = join(directory, 'redis.conf');
    await writeFile(config, configOf({ ...options, port }, directory, password), { mode: 0o600 });
    const started = spawn('redis-server', [config], { detached: true, stdio: 'ignore' });
    started.on('error', () => undefined);
    started.unref();
    // With its password: somebody else's server may have taken the port.
    const isReady = (): Promise<boolean> =>
      redisCommand({ host: HOST, port, password }, 'PING').then(
        (answer) => answer === 'PONG',
        () => false,
      );
    await waitFor('Redis to listen', async () => isGone(started) || (await isReady()));
    if (isGone(started)) return false;
    child = started;
    watchdog = watch(started, directory);
    return true;
  };

  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    if (!(await startOn(port))) {
      if (attempt < START_ATTEMPTS) continue;
      await close();
      throw new Error(`redis-server does not start on port ${port}`);
    }
    const start = async (): Promise<void> => {
      if (child !== undefined) throw new Error('this Redis is running');
      if (!(await startOn(port))) throw new Error(`Redis does not start again on port ${port}`);
    };
    return {
      host: HOST,
      port,
      password,
      kill: (signal = 'SIGKILL') => end(signal),
      pause: () => void child?.kill('SIGSTOP'),
      resume: () => void child?.kill('SIGCONT'),
      start,
      close,
    };
  }
}

/** One command, as redis-cli prints its answer. Fails when the answer is an error. */
export async function redisCommand(redis: RedisFacts, ...words: string[]): Promise<string> {
  const address = ['-h', redis.host, '-p', String(redis.port)];
  const { stdout } = await promisify(execFile)('redis-cli', ['-e', ...address, ...words], {
    env: { ...process.env, REDISCLI_AUTH: redis.password },
  });
  return stdout.trimEnd();
}

function configOf(options: RedisOptions, directory: string, password: string): string {
  const { appendonly = false, maxmemory = '0', policy = 'noeviction', port = 0 } = options;
  return [
    `bind ${HOST}`,
    `port ${port}`,
    `dir ${directory}`,
    `requirepass ${password}`,
    'save ""',
    `appendonly ${appendonly ? 'yes' : 'no'}`,
    'appendfsync always',
    `maxmemory ${maxmemory}`,
    `maxmemory-policy ${policy}`,
    // A failed test shall say what was wrong, not that it cannot write a log.
    `logfile ${join(directory, 'redis.log')}`,
  ].join('\n');
}

/** Ends the server and removes its directory when this process is gone, however it went. */
function watch(server: ChildProcess, directory: string): ChildProcess {
  const script = `cat >/dev/null; kill -9 "$1"; rm -rf "$2"`;
  const watchdog = spawn('sh', ['-c', script, 'sh', String(server.pid), directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  return watchdog;
}

/** What is left when a watchdog was killed, too: by the machine, say. */
function sweep(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(PREFIX))) {
    const directory = join(tmpdir(), name);
    try {
      const owner = Number(readFileSync(join(directory, OWNER_FILE), 'utf8'));
      if (owner > 0 && !isAlive(owner)) rmSync(directory, { recursive: true, force: true });
    } catch {
      // Being made or removed at this moment, or another user's.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (isGone(child)) return resolve();
    child.once('exit', () => resolve());
  });
}

function isGone(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
