import { type ChildProcess, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { onTestFinished } from 'vitest';
import { waitFor, type WaitOptions, within } from './waiting.ts';

export interface ProcessOptions {
  /** Added to the environment of the test run; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What stdin delivers, then its end; a stream that never ends keeps stdin open. Else empty. */
  readonly input?: string | Buffer | Readable;
}

export interface ProcessExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** Everything it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** How it ended, after its last output; fails after 30 s with the last output. */
  readonly exit: Promise<ProcessExit>;
  /** Signals this process alone; SIGKILL unless told. */
  kill(signal?: NodeJS.Signals): void;
  /** Waits until stdout or stderr matches; fails at once when the process ends without it. */
  waitForOutput(pattern: RegExp, options?: WaitOptions): Promise<RegExpMatchArray>;
}

/**
 * Starts a process that cannot outlive its test: when the test ends, it and every process it
 * started in its group are killed. Only inside a test or a `beforeEach`.
 */
export function runProcess(
  command: string,
  args: readonly string[],
  { env, cwd, uid, gid, input }: ProcessOptions = {},
): RunningProcess {
  const child = spawn(command, args, {
    // A group of its own: `npm`, a shell or a worker must not leave children behind.
    detached: true,
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const { pid } = child;
  if (pid === undefined) {
    child.on('error', () => undefined);
    throw new Error(`cannot start ${command}: not found, not executable, or no permission`);
  }
  if (input !== undefined) feed(child, input);
  return watch(child, pid, [command, ...args].join(' '));
}

function watch(child: ChildProcess, pid: number, title: string): RunningProcess {
  const output = { stdout: collect(child.stdout), stderr: collect(child.stderr) };
  const tail = (): string => `${output.stdout()}${output.stderr()}`.slice(-2_000);
  let ended: ProcessExit | undefined;
  const closed = new Promise<ProcessExit>((resolve) => {
    child.once('close', (code, signal) => resolve((ended = { code, signal })));
  });
  killAtTestEnd(pid, closed);

  return {
    pid,
    get stdout() {
      return output.stdout();
    },
    get stderr() {
      return output.stderr();
    },
    get exit() {
      return within(`the end of "${title}"`, closed).catch((error: unknown) => {
        throw new Error(`${String(error)}; last output:\n${tail()}`);
      });
    },
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    waitForOutput: (pattern, options) =>
      waitFor(
        `${pattern} from "${title}"`,
        () => {
          const found = output.stdout().match(pattern) ?? output.stderr().match(pattern);
          if (found || !ended) return found;
          throw new Error(
            `"${title}" ended (${JSON.stringify(ended)}) without ${pattern}:\n${tail()}`,
          );
        },
        options,
      ),
  };
}

function collect(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}

function feed(child: ChildProcess, input: string | Buffer | Readable): void {
  const source = input instanceof Readable ? input : Readable.from([input]);
  // A process that dies or closes its stdin breaks the pipe: that is its right, and often the test.
  if (child.stdin) pipeline(source, child.stdin).catch(() => undefined);
}

/** What to kill when the worker itself is told to end in the middle of a test. */
const killers = new Set<() => void>();
process.on('exit', () => {
  for (const kill of killers) kill();
});

function killAtTestEnd(pid: number, closed: Promise<unknown>): void {
  const killGroup = (): void => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is gone already: nothing is left to kill.
    }
  };
  killers.add(killGroup);
  onTestFinished(async () => {
    killers.delete(killGroup);
    killGroup();
    await within(`process ${pid} to end after SIGKILL`, closed, 10_000);
  });
}
