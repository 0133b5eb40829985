import { asCopylineError, CopylineError } from '@copyline/contracts';
import { UnrecoverableError, type Job as BullJob, type Worker } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';

import type { QueueBackend } from './backend/backend.ts';
import {
  assertHandlers,
  JOB_TYPES,
  QUEUE_NAME,
  type JobDelivery,
  type JobHandlers,
  type JobType,
} from './job-types.ts';

export interface JobWorkerOptions {
  /** Shown on the queue's board. */
  readonly name: string;
  /** Jobs at a time. */
  readonly concurrency: number;
  /**
   * Milliseconds for which a job belongs to this worker without a sign of life. A worker that dies is
   * noticed after this and up to half of it more.
   */
  readonly lockMs: number;
  readonly onError: (error: Error) => void;
}

/** A run is to be repeated after a pause; thrown by a handler to the queue. */
export class RunLater extends Error {
  override readonly name = 'RunLater';
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.delayMs = delayMs;
  }
}

/** A run has failed for good; thrown by a handler, so that the queue's board shows it as failed. */
export class RunFailed extends UnrecoverableError {
  override readonly name = 'RunFailed';
}

/** When a handler fails in a way that it did not foresee: the control database is away, say. */
const UNFORESEEN_PAUSE_MS = 5_000;

/**
 * A job that kills its worker is given up by Copyline's own count, kept in the control database.
 * These are the queue's nets below it, for the day when that database is away, too.
 */
const MOST_STARTS = 1_000;

/** A store that restarts is back within seconds; BullMQ's own pause is as long as a lock. */
const RECONNECT_PAUSE_MS = 1_000;
/** For the worker's last words, when no job is at work any more. */
const FAREWELL_MS = 3_000;
/** An aborted run rolls back, which seldom takes longer. */
const STILL_AT_WORK_PAUSE_MS = 1_000;

/** The workers' side of the queue: takes jobs, runs their handlers, and gives them up in good order. */
export class JobWorker {
  readonly #worker: Worker;
  readonly #running = new Map<string, AbortController>();
  readonly #handlers: JobHandlers;
  readonly #onError: (error: Error) => void;
  #isClosing = false;

  constructor(backend: QueueBackend, handlers: JobHandlers, options: JobWorkerOptions) {
    assertHandlers(handlers);
    this.#handlers = handlers;
    this.#onError = options.onError;
    // All three parameters are declared: BullMQ counts them, and gives no signal to fewer.
    const processor = (job: BullJob, _token: string | undefined, signal?: AbortSignal) =>
      this.#process(job, signal);
    if (processor.length < 3) throw new Error('The processor would get no signal');
    this.#worker = backend.createWorker(QUEUE_NAME, processor, {
      name: options.name,
      concurrency: options.concurrency,
      lockDuration: options.lockMs,
      stalledInterval: options.lockMs / 2,
      maxStalledCount: MOST_STARTS,
      maxStartedAttempts: MOST_STARTS,
      runRetryDelay: RECONNECT_PAUSE_MS,
      settings: {
        backoffStrategy: (_attempts, _type, error) =>
          error instanceof RunLater ? error.delayMs : UNFORESEEN_PAUSE_MS,
      },
    });
    this.#worker.on('error', options.onError);
    // BullMQ notices that a job belongs to another worker now, but does not tell its processor.
    this.#worker.on('lockRenewalFailed', (ids: string[]) => {
      for (const id of ids) {
        this.abort(id, givenAway());
      }
    });
  }

  /** Jobs at work in this process. */
  get running(): number {
    return this.#running.size;
  }

  /** Whether the worker takes jobs. */
  get isRunning(): boolean {
    return this.#worker.isRunning() && !this.#worker.isPaused();
  }

  waitUntilReady(): Promise<unknown> {
    return this.#worker.waitUntilReady();
  }

  abort(id: string, reason: CopylineError): void {
    this.#running.get(id)?.abort(reason);
  }

  /**
   * Takes no more jobs, and gives those at work a grace to end; then they are aborted, roll back and go
   * back to the queue.
   *
   * @param rollbackMs how long an aborted job may take; after that the process has to be ended
   * @returns whether all jobs have ended
   */
  async close(graceMs: number, rollbackMs: number): Promise<boolean> {
    this.#isClosing = true;
    // `close` of the worker itself waits for ever.
    await this.#worker.pause(true);
    const isDrained = await this.#idleWithin(graceMs);
    if (!isDrained) {
      const reason = new CopylineError('INTERRUPTED', 'The worker was told to stop');
      for (const controller of this.#running.values()) controller.abort(reason);
    }
    const isIdle = isDrained || (await this.#idleWithin(rollbackMs));
    // What it has to say to a store that is away it says never; the jobs are delivered again then.
    const farewell = new AbortController();
    await Promise.race([
      this.#worker.close(!isIdle),
      sleep(FAREWELL_MS, undefined, { signal: farewell.signal }).catch(() => undefined),
    ]);
    farewell.abort();
    return isIdle;
  }

  async #process(job: BullJob, lost: AbortSignal | undefined): Promise<unknown> {
    const id = job.id ?? '';
    // Fetched while the worker was told to stop.
    if (this.#isClosing) throw new RunLater('The worker is stopping', 0);
    if (this.#running.has(id)) {
      // Taken away from this worker, and given to it again: the earlier run has to end first.
      this.abort(id, givenAway());
      throw new RunLater('An earlier run of this job has not ended', STILL_AT_WORK_PAUSE_MS);
    }
    const controller = new AbortController();
    const onLost = (): void => {
      controller.abort(givenAway());
    };
    lost?.addEventListener('abort', onLost, { once: true });
    this.#running.set(id, controller);
    try {
      return await this.#handle(job, controller.signal);
    } catch (error) {
      throw storable(error);
    } finally {
      lost?.removeEventListener('abort', onLost);
      this.#running.delete(id);
    }
  }

  async #handle(job: BullJob, signal: AbortSignal): Promise<unknown> {
    const type = job.name as JobType;
    if (!Object.hasOwn(JOB_TYPES, type)) {
      throw new RunFailed(`There is no type of job named ${job.name}`);
    }
    const payload = JOB_TYPES[type].payload.safeParse(job.data);
    if (!payload.success) throw new RunFailed('The payload is not one of this version');
    const delivery = { payload: payload.data, signal, ...boardOf(job) };
    const handle = this.#handlers[type] as (any: JobDelivery<JobType>) => Promise<unknown>;
    const result = await handle(delivery);
    const written = JOB_TYPES[type].result.safeParse(result);
    if (written.success) return written.data;
    // The work is done and committed: a result that cannot be written down must not fail it, nor have
    // it done again.
    this.#onError(
      new Error(`The result of a job of type ${type} is not of its type`, { cause: written.error }),
    );
    return null;
  }

  /** Polls: BullMQ has no event for the moment after its own bookkeeping. */
  async #idleWithin(milliseconds: number): Promise<boolean> {
    const deadline = performance.now() + milliseconds;
    while (this.#running.size > 0) {
      if (performance.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }
}

/**
 * The reason of a failure may quote a dirty file. PostgreSQL stores neither NUL nor half a character,
 * and a job whose failure cannot be stored stays at work for ever.
 */
function storable(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const clean = Buffer.from(text).toString().replaceAll('\0', '\ufffd');
  if (error instanceof RunLater) return new RunLater(clean, error.delayMs);
  if (error instanceof RunFailed) return new RunFailed(clean);
  return new Error(clean, { cause: error });
}

function givenAway(): CopylineError {
  return new CopylineError('LOAD_SUPERSEDED', 'The queue has given the job away');
}

/** What a job shows on the queue's board. Written one after the other: BullMQ's own log loses races. */
function boardOf(job: BullJob): Pick<JobDelivery<JobType>, 'report' | 'log'> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (write: () => Promise<unknown>): void => {
    // A board that cannot be written must not disturb the load.
    last = last.then(write).catch(() => undefined);
  };
  return {
    report: (progress) => {
      inTurn(() => job.updateProgress(progress));
    },
    log: (line) => {
      inTurn(() => job.log(line));
    },
  };
}

/** For messages to the queue: an error's text without its stack. */
export function reasonOf(error: unknown): string {
  const { code, message } = asCopylineError(error);
  return `${code}: ${message}`;
}
