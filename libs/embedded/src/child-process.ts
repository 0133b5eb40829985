/**
 * PostgreSQL's programs as child processes: under the right account, with a clean environment,
 * apart from the terminal, and never outliving the process that started them.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** Whom a program runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** How a program ended; a program that could not be started has ended, too. */
export interface Exit {
  readonly ok: boolean;
  /** “exit code 1”, “signal SIGKILL”, or why it could not be started. */
  readonly how: string;
  readonly cause?: Error;
}

export interface Watched {
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  ref(): void;
  /** Lets the owner's event loop end while the program runs. */
  unref(): void;
}

/**
 * The program replaces this shell, so its pid is the shell's. It waits for a line first: should
 * the owner be killed before the watchdog stands, the pipe just ends, and nothing was started.
 */
const GATE = 'umask 077; read -r go <&3 || exit 1; exec "$@" 3<&-';

/**
 * Reads a pipe whose other end only the owner has. A line means “it ended in good order”; end of
 * file means that the owner is dead, however it died: PostgreSQL gets its fast shutdown.
 */
const WATCHDOG = 'read -r line || kill -INT "$1"';

/** Starts a program that never outlives this process, not even by kill -9. */
export function spawnWatched(
  command: string,
  args: string[],
  options: {
    account: Account | undefined;
    /** Descriptor for its stdout and stderr. */
    output: number;
  },
): Watched {
  const { account, output } = options;
  const words = ['-c', GATE, 'sh', command, ...args];
  const gate = spawnAs('/bin/sh', words, account, ['ignore', output, output, 'pipe']);
  if (!('child' in gate) || gate.child.pid === undefined) return neverStarted(gate.exited);
  const watchdogWords = ['-c', WATCHDOG, 'sh', String(gate.child.pid)];
  const watchdog = spawnAs('/bin/sh', watchdogWords, account, ['pipe', 'ignore', 'ignore']);
  const go = gate.child.stdio[3] as Socket;
  if (!('child' in watchdog) || watchdog.child.pid === undefined) {
    go.destroy();
    return neverStarted(watchdog.exited);
  }
  go.end('go\n');
  go.resume();
  // Both have ended: nothing is left for somebody else to reap.
  const exited = gate.exited.then(async (exit) => {
    watchdog.child.stdin?.end('done\n');
    await watchdog.exited;
    return exit;
  });
  const handles = [gate.child, go, watchdog.child, watchdog.child.stdin as Socket];
  return {
    pid: gate.child.pid,
    exited,
    kill: (signal) => void gate.child.kill(signal),
    ref: () => handles.forEach((handle) => handle.ref()),
    unref: () => handles.forEach((handle) => handle.unref()),
  };
}

function neverStarted(exited: Promise<Exit>): Watched {
  return { pid: undefined, exited, kill: () => {}, ref: () => {}, unref: () => {} };
}

type Started = { child: ChildProcess; exited: Promise<Exit> } | { exited: Promise<Exit> };

function spawnAs(
  command: string,
  args: string[],
  account: Account | undefined,
  stdio: StdioOptions,
): Started {
  try {
    const child = spawn(command, args, {
      stdio,
      env: cleanEnvironment(),
      // The owner's directory may be closed to the account, and must stay removable.
      cwd: '/',
      // A session of its own: Ctrl-C in the terminal is for the owner, who then stops in order.
      detached: true,
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    for (const stream of child.stdio) stream?.on('error', () => {}); // EPIPE: seen as the exit
    return { child, exited: exitOf(child) };
  } catch (error) {
    // Some errors of spawn are thrown (EPERM: root without the right to change the account) …
    return { exited: Promise.resolve(failedToStart(error as Error)) };
  }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    // … others are events (EACCES, ENOENT, EAGAIN), after which no exit comes.
    child.once('error', (error) => resolve(failedToStart(error)));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      resolve({ ok: code === 0, how });
    });
  });
}

function failedToStart(cause: Error): Exit {
  return { ok: false, how: cause.message, cause };
}

/**
 * The least PostgreSQL needs. No PG* variable of the user may steer it, no LD_* may swap its
 * libraries. Messages in English (C), because start failures are recognised by their words. UTC,
 * because the same file must load to the same instants on every machine.
 */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

export interface ToolResult extends Exit {
  /** stdout and stderr, as they came. */
  readonly output: string;
}

/**
 * Runs a program to its end. An aborted signal interrupts it. It is not watched: should this
 * process be killed, initdb ends by itself within a second.
 */
export async function runTool(
  command: string,
  args: string[],
  options: { account: Account | undefined; input?: string; signal?: AbortSignal | undefined },
): Promise<ToolResult> {
  const started = spawnAs(command, args, options.account, ['pipe', 'pipe', 'pipe']);
  if (!('child' in started)) return { ...(await started.exited), output: '' };
  const { child, exited } = started;
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  }
  child.stdin?.end(options.input ?? '');
  const interrupt = (): void => void child.kill('SIGINT');
  if (options.signal?.aborted === true) interrupt();
  options.signal?.addEventListener('abort', interrupt);
  const exit = await exited;
  // The last words may still be in the pipes when the exit is known.
  await Promise.all([closed(child.stdout), closed(child.stderr)]);
  options.signal?.removeEventListener('abort', interrupt);
  return { ...exit, output: Buffer.concat(chunks).toString('utf8').trim() };
}

function closed(stream: Readable | null): Promise<void> {
  if (stream === null || stream.closed) return Promise.resolve();
  return new Promise((resolve) => stream.once('close', () => resolve()));
}
