/** What the tests of this folder share: users in processes of their own, waiting, looking. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { EmbeddedDatabase, TemporaryOptions } from '../src/index.ts';

export const IS_ROOT = process.getuid?.() === 0;
export const POSTGRES_15 = '/usr/lib/postgresql/15/bin';
export const NOBODY = { uid: 65534, gid: 65534 };

/** Generous: two cores, with the other test files on them. */
const DEADLINE_MS = 30_000;

/** A directory removed after the test. Root's is open to others, as a project's usually is. */
export function makeDirectory(options: { mode?: number; owner?: typeof NOBODY } = {}): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'copyline-test-'));
  chmodSync(directory, options.mode ?? 0o755);
  if (options.owner !== undefined) chownSync(directory, options.owner.uid, options.owner.gid);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20 }));
  return directory;
}

export async function query<Row = Record<string, unknown>>(
  database: Pick<EmbeddedDatabase, 'host' | 'port' | 'user' | 'password' | 'database'>,
  sql: string,
): Promise<Row[]> {
  const { host, port, user, password } = database;
  const client = new pg.Client({ host, port, user, password, database: database.database });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${DEADLINE_MS} ms in vain until ${what}`);
    await delay(10);
  }
}

/** A zombie has ended; some containers have nobody who reaps it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function postmasterPid(dataDirectory: string): number {
  return Number(readFileSync(path.join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

export function supervisorPid(home: string): number {
  const state = JSON.parse(readFileSync(path.join(home, 'server.json'), 'utf8')) as {
    supervisor: { pid: number };
  };
  return state.supervisor.pid;
}

interface UserEvent {
  readonly status?: string;
  readonly ready?: EmbeddedDatabase;
  readonly interrupted?: true;
  readonly closed?: true;
  readonly failed?: { code: string; message: string; advice: string };
}

type UserRequest = { forget?: true; dist?: string } & (
  { home: string } | { temporary: TemporaryOptions }
);

const DIST = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** A database user in its own process (and process group), as another account if wanted. */
export class User {
  readonly process: ChildProcess;
  readonly events: UserEvent[] = [];
  readonly ended: Promise<number | null>;

  constructor(request: UserRequest, options: { as?: typeof NOBODY; env?: NodeJS.ProcessEnv } = {}) {
    const script = fileURLToPath(new URL('user.mjs', import.meta.url));
    const argument = JSON.stringify({ dist: DIST, ...request });
    this.process = spawn(process.execPath, [script, argument], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...options.env },
      ...options.as,
    });
    this.process.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    const lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => this.events.push(JSON.parse(line) as UserEvent));
    onTestFinished(async () => {
      this.process.stdin?.end();
      await this.ended;
    });
  }

  /** The database, once it is open. */
  async ready(): Promise<EmbeddedDatabase> {
    const event = await this.event((each) => each.ready ?? each.failed);
    if (event.ready === undefined) throw new Error(JSON.stringify(event.failed));
    return event.ready;
  }

  async failure(): Promise<{ code: string; message: string; advice: string }> {
    const event = await this.event((each) => each.ready ?? each.failed);
    if (event.failed === undefined) throw new Error('expected a failure');
    return event.failed;
  }

  async event(wanted: (event: UserEvent) => unknown): Promise<UserEvent> {
    let ended = false;
    void this.ended.then(() => (ended = true));
    await until(() => ended || this.events.some(wanted), 'the user has said what is waited for');
    const found = this.events.find(wanted);
    if (found === undefined) throw new Error(`ended after ${JSON.stringify(this.events)}`);
    return found;
  }

  async close(): Promise<void> {
    this.process.stdin?.end();
    await this.event((each) => each.closed);
    await this.ended;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}

/** Why a test as an ordinary user cannot run here; undefined when it can. */
export function whyNotAsNobody(): string | undefined {
  if (!IS_ROOT) return 'only root can run a process as somebody else';
  for (let each = DIST; each !== '/'; each = path.dirname(each)) {
    const open = existsSync(each) && (modeOf(each) & 0o001) !== 0;
    if (!open && each !== DIST) return `nobody cannot get through ${each} to this checkout`;
  }
  return undefined;
}

function modeOf(file: string): number {
  return statSync(file).mode;
}
