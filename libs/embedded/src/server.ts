/** A running postmaster: started on a free loopback port, awaited, stopped. */
import { closeSync, openSync, readSync, fstatSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { spawnWatched } from './child-process.ts';
import type { Account, Exit, Watched } from './child-process.ts';
import { SETTINGS_FILE } from './cluster.ts';
import { openToAppend, writePrivateFile } from './private-file.ts';
import type { Owner } from './private-file.ts';
import { postmasterOf, readPostmasterFile } from './process-identity.ts';
import { LOOPBACK, formatSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { startFailure } from './start-failure.ts';

export const HOST = '127.0.0.1';

export interface ServerSpec {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Whether an error may point at the log: it is still there after a failed start. */
  readonly logIsKept: boolean;
  /** Whom the log belongs to; default: ourselves. */
  readonly owner?: Owner | undefined;
  readonly settings: Settings;
  /** Taken when it is free. */
  readonly preferredPort?: number | undefined;
  readonly onStatus?: (sentence: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningServer {
  readonly port: number;
  /** Resolves when the server has ended, whoever ended it. */
  readonly exited: Promise<Exit>;
  /** Fast shutdown: clients are disconnected, everything committed is kept. */
  stop(): Promise<void>;
  /** Lets this process end; the server then stops by itself. */
  unref(): void;
}

/**
 * Between asking for a free port and PostgreSQL taking it, somebody else may be faster; and the
 * backends of a postmaster that was killed hold its memory until they notice, some milliseconds.
 */
const PASSING_FAULT =
  /Address already in use|could not create any TCP\/IP sockets|pre-existing shared memory block/;
const ATTEMPTS = 10;
const RETRY_DELAY_MS = 100;
/** How often the state of a starting or stopping server is read: far below what one notices. */
const POLL_MS = 10;
/** A start that takes longer than this is a recovery, and the user is told. */
const SLOW_START_MS = 3_000;
/** Replaying 4 GB of WAL (max_wal_size) takes a minute or two on a slow disk. */
const START_DEADLINE_MS = 600_000;
/** A fast shutdown writes at most shared_buffers to disk; then immediate, then kill. */
const STOP_DEADLINES_MS = { SIGINT: 60_000, SIGQUIT: 10_000, SIGKILL: 10_000 } as const;
/** The log of a start begins anew beyond this size, keeping one old one. */
const LOG_LIMIT_BYTES = 10_000_000;

/** @throws {CopylineError} EMBEDDED_START_FAILED, with the server's own words. */
export async function startServer(spec: ServerSpec): Promise<RunningServer> {
  const settingsFile = path.join(spec.dataDirectory, SETTINGS_FILE);
  writePrivateFile(settingsFile, formatSettings(spec.settings), spec.account);
  await rotateLog(spec.logFile);
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort(attempt === 1 ? spec.preferredPort : undefined);
    const logStart = (await stat(spec.logFile).catch(() => undefined))?.size ?? 0;
    const child = launch(spec, port);
    const said = await untilReady(spec, child, port, logStart);
    if (said === undefined) return running(child, port);
    if (attempt < ATTEMPTS && PASSING_FAULT.test(said)) {
      await delay(RETRY_DELAY_MS);
      continue;
    }
    const what = `PostgreSQL ${spec.binaries.version} did not start in ${spec.dataDirectory}`;
    const { cause } = await child.exited;
    const log = spec.logIsKept ? { logFile: spec.logFile } : {};
    throw startFailure(what, said, { ...log, cause });
  }
}

/** Stops a postmaster of this directory that outlived its owner. */
export async function stopLeftover(dataDirectory: string): Promise<void> {
  for (const [signal, deadlineMs] of Object.entries(STOP_DEADLINES_MS)) {
    const pid = postmasterOf(dataDirectory);
    if (pid === undefined) return;
    process.kill(pid, signal);
    await until(() => postmasterOf(dataDirectory) !== pid, deadlineMs);
  }
}

/**
 * Sees to it that a stale `postmaster.pid` does not keep a new server from starting: the number in
 * it may meanwhile be another process, or a zombie. PostgreSQL accepts the number of its own
 * parent, and goes on to check by the shared memory named further down in the file whether
 * orphaned backends are at work; so the file is not simply removed. Only for whoever holds the
 * claim, and after {@link stopLeftover}.
 */
export function adoptPostmasterFile(dataDirectory: string, owner?: Owner): void {
  const lines = readPostmasterFile(dataDirectory);
  if (lines === undefined) return;
  const text = [String(process.pid), ...lines.slice(1)].join('\n');
  writePrivateFile(path.join(dataDirectory, 'postmaster.pid'), text, owner);
}

function launch(spec: ServerSpec, port: number): Watched {
  const fixed = { ...LOOPBACK, ...networkSettings(spec.settings), port: String(port) };
  const args = Object.entries(fixed).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openToAppend(spec.logFile, spec.owner);
  try {
    const program = path.join(spec.binaries.directory, 'postgres');
    const options = { account: spec.account, output: log };
    return spawnWatched(program, ['-D', spec.dataDirectory, ...args], options);
  } finally {
    closeSync(log);
  }
}

/** A test may want a socket or another address; it says so in its settings. */
function networkSettings(settings: Settings): Settings {
  const named = Object.entries(settings).filter(([name]) => name in LOOPBACK);
  return Object.fromEntries(named);
}

/** Undefined when the server accepts connections; else what it said before it ended. */
async function untilReady(
  spec: ServerSpec,
  child: Watched,
  port: number,
  logStart: number,
): Promise<string | undefined> {
  const began = Date.now();
  let exit: Exit | undefined;
  let told = false;
  void child.exited.then((how) => (exit = how));
  try {
    for (;;) {
      // The exit is looked at again after the file: PostgreSQL may have written “ready” and died.
      const ready = isReady(spec.dataDirectory, child, port);
      if (exit !== undefined) return `${readFrom(spec.logFile, logStart)}\npostgres: ${exit.how}`;
      if (ready) return undefined;
      spec.signal?.throwIfAborted();
      const waitedMs = Date.now() - began;
      if (waitedMs > START_DEADLINE_MS) throw new Error('no answer');
      if (!told && waitedMs > SLOW_START_MS) {
        spec.onStatus?.('PostgreSQL is recovering what was under way when it was last stopped …');
        told = true;
      }
      await delay(POLL_MS);
    }
  } catch (error) {
    await stop(child);
    if (spec.signal?.aborted === true) throw error;
    return `not ready after ${START_DEADLINE_MS / 1000} s\n${readFrom(spec.logFile, logStart)}`;
  }
}

/** What `pg_ctl --wait` looks at: pid on line 1, port on line 4, status on line 8. */
function isReady(dataDirectory: string, child: Watched, port: number): boolean {
  const lines = readPostmasterFile(dataDirectory);
  return (
    lines?.[0] === String(child.pid) && lines[3] === String(port) && lines[7]?.trim() === 'ready'
  );
}

function running(child: Watched, port: number): RunningServer {
  let stopping: Promise<void> | undefined;
  return {
    port,
    exited: child.exited,
    stop: () => (stopping ??= stop(child)),
    unref: () => child.unref(),
  };
}

async function stop(child: Watched): Promise<void> {
  child.ref();
  for (const [signal, deadlineMs] of Object.entries(STOP_DEADLINES_MS)) {
    child.kill(signal as NodeJS.Signals);
    const deadline = new AbortController();
    const timer = delay(deadlineMs, undefined, { signal: deadline.signal }).catch(() => undefined);
    const exit = await Promise.race([child.exited, timer]);
    deadline.abort();
    if (exit !== undefined) return;
  }
}

/** A port that is free right now. */
async function findFreePort(preferred?: number): Promise<number> {
  const probe = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(preferred ?? 0, HOST, () => resolve((probe.address() as AddressInfo).port));
    });
  } catch (error) {
    if (preferred === undefined) throw error;
    return await findFreePort();
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

async function until(condition: () => boolean, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition() && Date.now() < end) await delay(POLL_MS);
}

async function rotateLog(logFile: string): Promise<void> {
  const size = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) await rename(logFile, `${logFile}.1`);
}

/** Only the words of this start, at most the last 16 kB. */
function readFrom(file: string, start: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const end = fstatSync(descriptor).size;
    const from = Math.max(start, end - 16_384);
    const buffer = Buffer.alloc(end - from);
    readSync(descriptor, buffer, 0, buffer.length, from);
    return buffer.toString('utf8').trim();
  } finally {
    closeSync(descriptor);
  }
}
