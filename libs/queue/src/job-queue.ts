import { CopylineError } from '@copyline/contracts';
import type { JobsOptions, Queue } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';

import type { QueueBackend } from './backend/backend.ts';
import { JOB_TYPES, QUEUE_NAME, type JobPayload, type JobType } from './job-types.ts';

/** What the queue knows of a job. `absent`: never heard of it, or forgotten. */
export type QueueState = 'absent' | 'pending' | 'active' | 'ended';

/** A person waits: an answer that does not come in this time is a refusal. */
const ANSWER_TIMEOUT_MS = 1_800;

/**
 * The policy of retries is Copyline's own and kept with the submission: the queue delivers as often
 * as it is asked to. This is only the net below that policy.
 */
const MOST_ATTEMPTS = 100_000;

const JOB_OPTIONS: JobsOptions = {
  attempts: MOST_ATTEMPTS,
  backoff: { type: 'copyline' },
  // The control database keeps the history; the queue's board shows the recent past.
  removeOnComplete: { count: 500 },
  removeOnFail: { count: 500 },
};

/** The producers' side of the queue. */
export class JobQueue implements AsyncDisposable {
  readonly #backend: QueueBackend;
  readonly #queue: Queue;

  constructor(backend: QueueBackend, onError: (error: Error) => void) {
    this.#backend = backend;
    this.#queue = backend.createQueue(QUEUE_NAME, { defaultJobOptions: JOB_OPTIONS });
    this.#queue.on('error', onError);
  }

  get kind(): QueueBackend['kind'] {
    return this.#backend.kind;
  }

  /** Where the queue is; never a password. */
  get at(): string {
    return this.#backend.at;
  }

  /** For the queue's board. */
  get bullQueue(): Queue {
    return this.#queue;
  }

  /**
   * Hands a job to the workers. A job that the queue knows already, by its id, stays one job.
   *
   * @throws CopylineError `QUEUE_UNAVAILABLE`, at the latest after two seconds; the job may have been
   *   accepted all the same
   */
  async enqueue<Type extends JobType>(
    type: Type,
    id: string,
    payload: JobPayload<Type>,
  ): Promise<void> {
    const data = JOB_TYPES[type].payload.parse(payload);
    await this.#answer(
      'The queue does not accept jobs',
      this.#queue.add(type, data, { jobId: id }),
    );
  }

  /** @throws CopylineError `QUEUE_UNAVAILABLE` */
  async stateOf(id: string): Promise<QueueState> {
    const state = await this.#answer('The queue does not answer', this.#queue.getJobState(id));
    if (state === 'unknown') return 'absent';
    if (state === 'completed' || state === 'failed') return 'ended';
    return state === 'active' ? 'active' : 'pending';
  }

  /** Ends the pause before a job's next run, if there is one. @throws CopylineError `QUEUE_UNAVAILABLE` */
  async hurry(id: string): Promise<void> {
    const promote = async (): Promise<void> => {
      const job = await this.#queue.getJob(id);
      if ((await job?.isDelayed()) === true) await job?.promote();
    };
    await this.#answer('The queue does not answer', promote());
  }

  /** Forgets a job that is not being run. @throws CopylineError `QUEUE_UNAVAILABLE` */
  async remove(id: string): Promise<void> {
    await this.#answer('The queue does not answer', this.#queue.remove(id));
  }

  /** Jobs that wait for a worker. @throws CopylineError `QUEUE_UNAVAILABLE` */
  countWaiting(): Promise<number> {
    return this.#answer('The queue does not answer', this.#queue.getJobCountByTypes('wait'));
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer<T>(what: string, request: Promise<T>): Promise<T> {
    const late = new AbortController();
    const timeout = sleep(ANSWER_TIMEOUT_MS, undefined, { signal: late.signal }).then(() => {
      throw new Error(`no answer within ${String(ANSWER_TIMEOUT_MS)} ms`);
    });
    // Whatever still becomes of the one that loses the race.
    timeout.catch(() => undefined);
    request.catch(() => undefined);
    try {
      return await Promise.race([request, timeout]);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CopylineError('QUEUE_UNAVAILABLE', `${what}: ${reason}`, { cause });
    } finally {
      late.abort();
    }
  }
}
