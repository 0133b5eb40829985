import { type TestServer, waitFor } from '@copyline/testkit';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = '/usr/sbin/pgbouncer';

/** Below those the kernel gives to outgoing connections, and below those of the kit's proxies. */
const PORTS = [10_000, 20_000] as const;

/** Debian's package. A build machine must have it; elsewhere its tests are skipped with a message. */
export function hasPgbouncer(): boolean {
  if (existsSync(BINARY)) return true;
  const reason = `PgBouncer is not installed (${BINARY}; apt-get install pgbouncer)`;
  if (process.env['CI']) throw new Error(reason);
  console.warn(`Tests behind PgBouncer are skipped: ${reason}`);
  return false;
}

export interface Pgbouncer extends AsyncDisposable {
  /** Through the pooler, to one database of the server. */
  url(database: string): string;
}

/** A pooler in transaction mode with so many connections to the server. */
export async function startPgbouncer(server: TestServer, poolSize: number): Promise<Pgbouncer> {
  const directory = mkdtempSync(join(tmpdir(), 'copyline-pgbouncer-'));
  const port = await freePort();
  const file = (name: string): string => join(directory, name);
  const { host, user, password } = server;
  writeFileSync(file('users.txt'), `"${user}" "${password}"\n`, { mode: 0o600 });
  writeFileSync(
    file('pgbouncer.ini'),
    `[databases]
* = host=${host} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${file('users.txt')}
pool_mode = transaction
default_pool_size = ${poolSize}
`,
    { mode: 0o600 },
  );
  const account = ordinaryAccount();
  for (const name of ['.', 'users.txt', 'pgbouncer.ini']) {
    if (account !== undefined) chownSync(file(name), account.uid, account.gid);
  }
  // Its log goes to stderr; as root it refuses to run.
  const child = spawn(BINARY, [file('pgbouncer.ini')], { stdio: 'ignore', ...account });
  await waitFor('PgBouncer to listen', () => answers(port));
  if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
  return {
    url: (database) =>
      `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}` +
      `@127.0.0.1:${port}/${encodeURIComponent(database)}?sslmode=disable`,
    async [Symbol.asyncDispose]() {
      await ended(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function ordinaryAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody']).toString());
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    if (!(await answers(port))) return port;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => {
      end(true);
    });
    socket.once('error', () => {
      end(false);
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM'); // SIGTERM is its immediate shutdown
  await exit;
}
