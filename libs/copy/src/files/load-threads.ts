import { CopylineError, type LoadReport, type LoadSpecInput } from '@copyline/contracts';
import { abortReason, type Secret } from '@copyline/dws-client';
import { on } from 'node:events';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { LoadRecorder, type LoadProgress } from '../load-progress.ts';
import type { LoadDeps, LoadOutcome } from '../run-load.ts';
import { carry, unpack, type CarriedError } from './carried-error.ts';

/** A load as it travels to a thread. */
export interface ThreadLoad {
  readonly input: LoadSpecInput;
  readonly conninfo: string;
  readonly deps: ThreadDeps;
}

type ThreadDeps = Pick<LoadDeps, 'database' | 'owner' | 'whenBusy' | 'settleTimeoutMs'>;

export type ToThread = { readonly load: ThreadLoad } | { readonly abort: CarriedError };

export type FromThread =
  | { readonly progress: LoadProgress }
  | { readonly report: LoadReport; readonly error: CarriedError | undefined };

/**
 * Runs loads on threads of their own, each with a connection of its own: a load is as fast as the one core
 * that makes its rows, so several files at a time are faster where there are cores for them and for the
 * server. A thread is started when no other is idle.
 */
export class LoadThreads implements AsyncDisposable {
  readonly #conninfo: Secret;
  readonly #deps: ThreadDeps;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];

  /** @param conninfo where the threads connect to */
  constructor(
    conninfo: Secret,
    { database, owner, whenBusy, settleTimeoutMs }: Omit<LoadDeps, 'connect'>,
  ) {
    this.#conninfo = conninfo;
    this.#deps = {
      database,
      ...(owner === undefined ? {} : { owner }),
      ...(whenBusy === undefined ? {} : { whenBusy }),
      ...(settleTimeoutMs === undefined ? {} : { settleTimeoutMs }),
    };
  }

  /** As `runLoad`: never throws. A thread that dies leaves a load that is in doubt. */
  async run(
    input: LoadSpecInput,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal | undefined,
  ): Promise<LoadOutcome> {
    const thread = this.#idle.pop() ?? this.#start();
    const load: ThreadLoad = { input, conninfo: this.#conninfo.reveal(), deps: this.#deps };
    const onAbort = (): void => {
      send(thread, { abort: carry(abortReason(signal as AbortSignal)) });
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    // Ends when the thread does, and throws what it died of.
    const messages = on(thread, 'message', { close: ['exit'] }) as AsyncIterable<[FromThread]>;
    try {
      send(thread, { load });
      if (signal?.aborted === true) onAbort();
      for await (const [message] of messages) {
        if ('progress' in message) {
          onProgress(message.progress);
          continue;
        }
        const { report, error } = message;
        this.#idle.push(thread);
        return { report, error: error && unpack(error) };
      }
      return this.#lost(input);
    } catch (cause) {
      return this.#lost(input, cause);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  #start(): Worker {
    const thread = new Worker(threadProgram());
    this.#threads.add(thread);
    return thread;
  }

  /** Whether COMMIT was sent, only the ledger knows. */
  #lost(input: LoadSpecInput, cause?: unknown): LoadOutcome {
    const error = new CopylineError('IN_DOUBT', 'The thread of the load has ended', {
      ...{ cause, source: input.source.path, commitState: 'unknown' },
    });
    const recorder = new LoadRecorder(input, this.#deps.database, undefined);
    return { report: recorder.failed(error), error };
  }
}

function send(thread: Worker, message: ToThread): void {
  thread.postMessage(message);
}

/** Found as a package, also from a program that is a bundle: threads begin with a file. */
function threadProgram(): string {
  return createRequire(import.meta.url).resolve('@copyline/copy/load-thread');
}
