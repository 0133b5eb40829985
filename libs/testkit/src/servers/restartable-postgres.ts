import { startTemporary } from '@copyline/embedded';
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openClient } from '../databases/sql-client.ts';
import { waitFor } from '../waiting.ts';
import { binDirectoryOf } from './shared-servers.ts';
import { postgresServers } from './test-server.ts';

/** A PostgreSQL of one test, which may stop it; it is gone when the test ends. */
export interface RestartablePostgres {
  readonly host: string;
  readonly port: number;
  /** `postgresql://` with the superuser and its password. */
  url(database?: string): string;
  /**
   * Tells the postmaster to stop, and does not wait. `smart` lets sessions work on and refuses new
   * ones, `fast` ends them with 57P01, `immediate` as in a crash: in the middle of whatever they do.
   */
  shutDown(mode: ShutdownMode): void;
  /** The postmaster is killed; its sessions find themselves without it, and end. Needs /proc. */
  kill(): Promise<void>;
  /** `shutDown`, and waits for the end. Default: `immediate`. */
  stop(mode?: ShutdownMode): Promise<void>;
  /** Again on the same port and data, after a `stop`. */
  start(): Promise<void>;
  /**
   * A physical standby of this server, as it is now and following it. With `hot: false` it answers
   * everybody with 57P03, as a server does that is starting up.
   */
  startStandby(options?: { readonly hot?: boolean }): Promise<Standby>;
}

export interface Standby extends RestartablePostgres {
  /** Hears nothing more of its primary: what that commits from now on is the tail that is lost. */
  cutOff(): Promise<void>;
  /** Makes a primary of it; `start` and `waitFor` tell when it is one. */
  promote(): void;
}

export type ShutdownMode = 'smart' | 'fast' | 'immediate';

/** Source: PostgreSQL documentation, "Shutting Down the Server". */
const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

const START_MS = 30_000;

/** A server's files, and how its postmaster is run. */
interface Cluster {
  readonly dataDirectory: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Only inside a test or a `beforeEach`. Default: PostgreSQL 18. */
export async function startPostgres({
  major = 18,
}: { readonly major?: 15 | 18 } = {}): Promise<RestartablePostgres> {
  const shared = postgresServers().find((server) => server.major === major);
  const template = shared && { template: shared.template };
  const database = await startTemporary({ ...binDirectoryOf(major), ...template });
  const { host, port, user, password, dataDirectory } = database;
  // As it was started first: the same program, arguments, account and libraries.
  const [program = '', ...args] = commandOf(
    readFileSync(join(dataDirectory, 'postmaster.opts'), 'utf8'),
  );
  const env = environmentOf(postmasterOf(dataDirectory));
  const login = { user, password, database: database.database };
  // Runs after that of everything it is the first of: its directory holds the standbys'.
  onTestFinished(() => database.close());
  return new Server({ dataDirectory, program, args, env, host, port, ...login });
}

class Server implements Standby {
  readonly host: string;
  readonly port: number;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.host = cluster.host;
    this.port = cluster.port;
    // Whoever was started here is not the one that somebody else closes.
    onTestFinished(() => this.stop());
  }

  url(database = this.#cluster.database): string {
    const { user, password, host, port } = this.#cluster;
    return `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }

  shutDown(mode: ShutdownMode): void {
    this.#signal(SIGNALS[mode]);
  }

  async kill(): Promise<void> {
    const postmaster = postmasterOf(this.#cluster.dataDirectory);
    const children = childrenOf(postmaster);
    process.kill(postmaster, 'SIGKILL');
    // They notice it themselves; two servers on the same files would spoil them.
    await waitFor('the orphans to end', () => !children.some(isRunning), { timeoutMs: START_MS });
    rmSync(this.#pidFile);
  }

  async stop(mode: ShutdownMode = 'immediate'): Promise<void> {
    if (!existsSync(this.#pidFile)) return;
    this.shutDown(mode);
    await waitFor('PostgreSQL to stop', () => !existsSync(this.#pidFile), { timeoutMs: START_MS });
  }

  async start(): Promise<void> {
    this.launch();
    const isReady = async (): Promise<boolean> => {
      const client = await openClient(this.url()).catch(() => undefined);
      await client?.end();
      return client !== undefined;
    };
    await waitFor('PostgreSQL to be back', isReady, { timeoutMs: START_MS, intervalMs: 50 });
  }

  /** Starts the postmaster; it may not answer yet. */
  launch(): void {
    const { program, args, dataDirectory, env } = this.#cluster;
    const { uid, gid } = statSync(dataDirectory);
    const account = process.getuid?.() === 0 ? { uid, gid } : {};
    const log = openSync(`${dataDirectory}.log`, 'a');
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: dataDirectory,
      env,
      ...account,
    });
    child.unref();
    closeSync(log);
  }

  async startStandby({ hot = true } = {}): Promise<Standby> {
    const { dataDirectory: original, host, user, password } = this.#cluster;
    const dataDirectory = `${original}-standby`;
    await this.#backUp(dataDirectory);
    const port = await freePort();
    const args = this.#cluster.args.map((each) =>
      each === original ? dataDirectory : each.replace(/^port=.*$/, `port=${port}`),
    );
    const primary = `host=${host} port=${this.port} user=${user} password=${password}`;
    appendFileSync(
      join(dataDirectory, 'postgresql.auto.conf'),
      `primary_conninfo = '${primary}'\nhot_standby = ${hot ? 'on' : 'off'}\n`,
    );
    writeLike(dataDirectory, 'standby.signal', '');
    const standby = new Server({ ...this.#cluster, dataDirectory, args, port });
    if (hot) await standby.start();
    else {
      standby.launch();
      await waitFor('the standby to answer', () => answers(host, port), { timeoutMs: START_MS });
    }
    return standby;
  }

  async cutOff(): Promise<void> {
    const client = await openClient(this.url());
    await client.query("alter system set primary_conninfo = ''");
    await client.query('select pg_reload_conf()');
    await waitFor('the standby to hear nothing more', async () => {
      const { rows } = await client.query('select from pg_stat_wal_receiver');
      return rows.length === 0;
    });
    await client.end();
  }

  promote(): void {
    writeLike(this.#cluster.dataDirectory, 'promote', '');
    this.#signal('SIGUSR1');
  }

  /** A base backup by hand: the packaged PostgreSQL has no pg_basebackup. */
  async #backUp(directory: string): Promise<void> {
    const client = await openClient(this.url());
    await client.query("select pg_backup_start('standby', true)");
    execFileSync('cp', ['-a', this.#cluster.dataDirectory, directory]);
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(false)',
    );
    await client.end();
    // With the WAL of the backup itself it is whole without its primary.
    execFileSync('cp', ['-a', `${this.#cluster.dataDirectory}/pg_wal`, directory]);
    for (const name of ['postmaster.pid', 'postmaster.opts']) rmSync(join(directory, name));
    writeLike(directory, 'backup_label', rows[0]?.labelfile ?? '');
  }

  get #pidFile(): string {
    return join(this.#cluster.dataDirectory, 'postmaster.pid');
  }

  #signal(signal: NodeJS.Signals): void {
    process.kill(postmasterOf(this.#cluster.dataDirectory), signal);
  }
}

/** A file that belongs to whom its directory belongs to. */
function writeLike(directory: string, name: string, text: string): void {
  const { uid, gid } = statSync(directory);
  writeFileSync(join(directory, name), text, { mode: 0o600 });
  chownSync(join(directory, name), uid, gid);
}

function postmasterOf(dataDirectory: string): number {
  return Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
}

/** A zombie has no program any more. */
function isRunning(pid: string): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
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
