import { CopylineError } from '@copyline/contracts';
import { spawn, type ChildProcess } from 'node:child_process';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { OutputTail } from './output-tail.ts';

/** A first start makes tables; a small machine takes its time. */
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** What a process has printed is read by then; a child of its own could keep the pipe open. */
const LAST_WORDS_MS = 500;
const LABEL_WIDTH = 'scheduler'.length;
/** On top of what a service needs to stop in an orderly way. */
const STOP_RESERVE_MS = 10_000;

export interface ServiceOptions {
  readonly name: string;
  /** A JavaScript file; see `programOf`. */
  readonly program: string;
  /** What is different from our own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where `/readyz` answers. */
  readonly address: string;
  /** How long the service may take to stop. */
  readonly graceMs: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

/** How a process has ended, for people. */
export interface ServiceEnd {
  readonly name: string;
  readonly text: string;
}

/**
 * A service as a child process in our process group. A channel ties it to us: when we die, however
 * that happens, the channel closes and the service stops in an orderly way.
 */
export class ServiceProcess {
  readonly name: string;
  readonly tail: OutputTail;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<ServiceEnd>;
  readonly #options: ServiceOptions;
  readonly #child: ChildProcess;
  #hasEnded = false;

  constructor(options: ServiceOptions) {
    const { name, program, env, onLine } = options;
    this.#options = options;
    this.name = name;
    this.tail = new OutputTail(name.padEnd(LABEL_WIDTH), onLine);
    this.#child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env, COPYLINE_PARENT_CHANNEL: '1' },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.tail.write(text);
      });
    }
    this.ended = this.#followToEnd();
  }

  /**
   * Waits until the service takes work.
   *
   * @throws CopylineError `SERVICE_FAILED` after a minute; the reason of the signal
   */
  async untilReady(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!this.#hasEnded) {
      signal.throwIfAborted();
      if (await answersReady(this.#options.address)) return;
      if (performance.now() > deadline) {
        throw new CopylineError(
          'SERVICE_FAILED',
          `The ${this.name} was not ready within ${String(READY_TIMEOUT_MS / 1000)} s`,
          { advice: 'Read what it has printed above; more of it with --verbose.' },
        );
      }
      await delay(POLL_MS);
    }
  }

  /**
   * Stops the service and waits for its end; kills it when it takes much longer than it should.
   *
   * @param isTold the service has got the signal itself, as everybody at a terminal gets Ctrl-C. A
   *   second one could mean more to it than the first; the channel then says it once more.
   */
  async stop(isTold: boolean): Promise<void> {
    if (this.#hasEnded) return;
    if (isTold) this.#disconnect();
    else this.#child.kill('SIGTERM');
    const reserve = new AbortController();
    const inTime = await Promise.race([
      this.ended.then(() => true),
      delay(this.#options.graceMs + STOP_RESERVE_MS, false, { signal: reserve.signal }).catch(
        () => true,
      ),
    ]);
    reserve.abort();
    if (!inTime) this.kill();
    await this.ended;
  }

  kill(): void {
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
  }

  async #followToEnd(): Promise<ServiceEnd> {
    const text = await new Promise<string>((resolve) => {
      // Not `close`: it never comes once we have closed the channel.
      this.#child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`);
      });
      this.#child.once('error', (error) => {
        resolve(error.message);
      });
    });
    this.#hasEnded = true;
    // Its last words may still be on their way.
    const { stdout, stderr } = this.#child;
    const isRead = [stdout, stderr].map((stream) =>
      stream === null ? Promise.resolve() : finished(stream),
    );
    const isLate = delay(LAST_WORDS_MS, undefined, { ref: false });
    await Promise.race([Promise.allSettled(isRead), isLate]);
    this.tail.end();
    return { name: this.name, text };
  }

  #disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** The committed shim of a service, which npm links and containers start, too. */
export function programOf(name: 'scheduler' | 'worker'): string {
  const manifest = import.meta.resolve(`@copyline/${name}/package.json`);
  return fileURLToPath(new URL(`./bin/copyline-${name}.js`, manifest));
}

async function answersReady(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.text();
    return response.status === 200;
  } catch {
    return false;
  }
}
