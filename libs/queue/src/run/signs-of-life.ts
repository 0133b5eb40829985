import { CopylineError } from '@copyline/contracts';
import { setTimeout as sleep } from 'node:timers/promises';

import type { StartedRun, Submissions } from '../control/submissions.ts';
import type { JobDelivery, JobType } from '../job-types.ts';
import { ProgressMeter, type Step } from './progress-meter.ts';

export interface SignsOfLifeOptions {
  readonly submissions: Submissions;
  /** Milliseconds between signs of life. Default: 400, so that a page moves within a second. */
  readonly beatMs?: number;
}

/** While a run is at work: tells the control database of it, and hears of cancellation. */
export class SignsOfLife {
  step: Step | undefined;
  isCancelled = false;
  readonly #options: SignsOfLifeOptions;
  readonly #run: StartedRun;
  readonly #delivery: JobDelivery<JobType>;
  readonly #controller = new AbortController();
  readonly #meter = new ProgressMeter();
  readonly #ended = new AbortController();
  readonly #beating: Promise<void>;

  constructor(options: SignsOfLifeOptions, run: StartedRun, delivery: JobDelivery<JobType>) {
    this.#options = options;
    this.#run = run;
    this.#delivery = delivery;
    delivery.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (delivery.signal.aborted) this.#onAbort();
    this.#beating = this.#beat();
  }

  /** Tells the run to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async stop(): Promise<void> {
    this.#delivery.signal.removeEventListener('abort', this.#onAbort);
    this.#ended.abort();
    await this.#beating;
  }

  /** A sign of life out of turn: afterwards the signal says whether this run still counts. */
  async check(): Promise<void> {
    try {
      await this.#tell();
    } catch {
      // The control database is away: the run goes on, and the next sign of life tells all.
    }
  }

  readonly #onAbort = (): void => {
    this.#controller.abort(this.#delivery.signal.reason);
  };

  async #beat(): Promise<void> {
    const pause = this.#options.beatMs ?? 400;
    while (!this.#ended.signal.aborted) {
      try {
        await sleep(pause, undefined, { signal: this.#ended.signal });
      } catch {
        return;
      }
      await this.check();
    }
  }

  async #tell(): Promise<void> {
    const progress =
      this.step === undefined ? undefined : this.#meter.measure(this.step, performance.now());
    if (progress !== undefined) this.#delivery.report(progress);
    const { job, runId } = this.#run;
    const answer = await this.#options.submissions.beat(job.id, runId, progress);
    if (answer === undefined) {
      this.#controller.abort(
        new CopylineError('LOAD_SUPERSEDED', 'Another run of this job has begun'),
      );
    } else if (answer.cancelRequested && !this.signal.aborted) {
      this.isCancelled = true;
      this.#controller.abort(new CopylineError('INTERRUPTED', 'Cancelled on request'));
    }
  }
}
