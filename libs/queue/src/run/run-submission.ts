import {
  CopylineError,
  reportError,
  type JobProgress,
  type LoadReport,
  type LoadRequest,
} from '@copyline/contracts';
import type { BusyPolicy } from '@copyline/copy';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RunAgain, RunEnd, StartedRun, Submissions } from '../control/submissions.ts';
import type { JobDelivery, JobResult } from '../job-types.ts';
import { RunFailed, RunLater, reasonOf } from '../job-worker.ts';
import type { LedgerLookup } from './ledger-lookup.ts';
import { ProgressMeter, type Step } from './progress-meter.ts';
import { afterFailure, MOST_LOSSES, PATIENCE, type RetryPolicy } from './retry-policy.ts';

/** The engine, as a worker calls it. Never throws. */
export type LoadRunner = (
  load: LoadRequest,
  run: {
    /** The submission's id; the ledger records it. */
    readonly owner: string;
    readonly whenBusy: BusyPolicy;
    readonly onProgress: (step: Step) => void;
    readonly signal: AbortSignal;
  },
) => Promise<{ readonly report: LoadReport; readonly error: CopylineError | undefined }>;

export interface SubmissionRunnerOptions {
  readonly submissions: Submissions;
  readonly runLoad: LoadRunner;
  readonly lookUp: LedgerLookup;
  /** Host and process, for people. */
  readonly worker: string;
  readonly retry: RetryPolicy;
  /** Milliseconds between signs of life. Default: 400, so that a page moves within a second. */
  readonly beatMs?: number;
}

type Result = JobResult<'load'>;

/** How long the outcome of a run is held until the control database takes it. */
const WRITE_DEADLINE_MS = 60_000;
const WRITE_PAUSE_MS = 1_000;
/** A job that the queue has given away: the other worker comes first. */
const OVERTAKEN_PAUSE_MS = 2_000;
/** A target that cannot be asked for the outcome of an earlier run. */
const LOOK_UP_PAUSE_MS = 5_000;
/** A session that was ended lets go of its locks at once, unless its server is very busy. */
const SUPERSEDE_TIMEOUT_MS = 10_000;

/** Runs submissions: what a worker does with a job of type `load`. */
export class SubmissionRunner {
  readonly #options: SubmissionRunnerOptions;

  constructor(options: SubmissionRunnerOptions) {
    this.#options = options;
  }

  /**
   * One run of a submission, from its start to what the control database and the queue are told.
   *
   * @throws RunLater, RunFailed: how the queue is told of anything but an end
   */
  async run(delivery: JobDelivery<'load'>): Promise<Result> {
    const { submissions, worker, lookUp } = this.#options;
    const { submissionId } = delivery.payload;
    const run = await submissions.start(submissionId, worker);
    // Ended meanwhile, or withdrawn: the queue delivers at least once.
    if (run === undefined) return resultOf('discarded', undefined);
    delivery.log(`run ${String(run.job.runs)} on ${worker}`);
    if (run.job.cancelRequested || run.losses >= MOST_LOSSES) {
      // Not to be run again. But an earlier run may have been committed without having said so, and
      // one that was only slow must not commit after it was said to be over.
      let committed;
      try {
        committed = await lookUp(run.job.load, submissionId, { close: true });
      } catch (error) {
        if (!(error instanceof CopylineError)) throw error;
        return this.#unknown(run, error);
      }
      if (committed !== undefined) return this.#done(run, committed);
      return run.job.cancelRequested ? this.#cancelled(run, null) : this.#givenUp(run);
    }
    return this.#load(run, delivery);
  }

  async #load(run: StartedRun, delivery: JobDelivery<'load'>): Promise<Result> {
    const life = new SignsOfLife(this.#options, run, delivery);
    let outcome;
    try {
      outcome = await this.#options.runLoad(run.job.load, {
        owner: run.job.id,
        whenBusy:
          run.busy < PATIENCE
            ? { action: 'fail', timeoutMs: 0 }
            : { action: 'supersede', timeoutMs: SUPERSEDE_TIMEOUT_MS },
        onProgress: (step) => {
          life.step = step;
        },
        signal: life.signal,
      });
    } finally {
      await life.stop();
    }
    const { report, error } = outcome;
    if (error === undefined) return this.#done(run, report);
    delivery.log(reasonOf(error));
    // The end that was asked for; any other outcome of an aborted load is told as such.
    if (life.signal.aborted && error.code === (life.signal.reason as CopylineError).code) {
      if (life.isCancelled) return this.#cancelled(run, report);
      return this.#stopped(run, error, report);
    }
    return this.#failed(run, error, report);
  }

  async #done(run: StartedRun, report: LoadReport): Promise<Result> {
    await this.#finish(run, { state: 'done', report, error: null });
    return resultOf('done', report);
  }

  async #cancelled(run: StartedRun, report: LoadReport | null): Promise<Result> {
    const error = new CopylineError('JOB_CANCELLED', 'The job was cancelled', {
      source: run.job.load.source,
      commitState: report?.error?.commitState ?? 'none',
    });
    await this.#finish(run, { state: 'cancelled', report, error: reportError(error) });
    return resultOf('cancelled', undefined);
  }

  async #givenUp(run: StartedRun): Promise<never> {
    const error = new CopylineError(
      'WORKER_LOST',
      `${String(run.losses)} workers have died while they ran this load`,
      { source: run.job.load.source },
    );
    await this.#finish(run, { state: 'failed', report: null, error: reportError(error) });
    throw new RunFailed(reasonOf(error));
  }

  /** Whether an earlier run was committed cannot be found out now: asked again until it can. */
  async #unknown(run: StartedRun, error: CopylineError): Promise<never> {
    await this.#putBack(run, {
      state: 'in-doubt',
      delayMs: LOOK_UP_PAUSE_MS,
      counts: 'nothing',
      report: null,
      error: reportError(error),
    });
    throw new RunLater(reasonOf(error), LOOK_UP_PAUSE_MS);
  }

  /** Stopped in good order, or overtaken: nothing is wrong with the load. */
  async #stopped(run: StartedRun, error: CopylineError, report: LoadReport): Promise<never> {
    const delayMs = error.code === 'INTERRUPTED' ? 0 : OVERTAKEN_PAUSE_MS;
    await this.#putBack(run, {
      state: 'queued',
      delayMs,
      counts: 'nothing',
      report,
      error: null,
    });
    throw new RunLater(reasonOf(error), delayMs);
  }

  async #failed(run: StartedRun, error: CopylineError, report: LoadReport): Promise<never> {
    const next = afterFailure(error, run, this.#options.retry);
    if (next.action === 'fail') {
      await this.#finish(run, { state: 'failed', report, error: reportError(error) });
      throw new RunFailed(reasonOf(error));
    }
    const { state, delayMs, counts } = next;
    await this.#putBack(run, { state, delayMs, counts, report, error: reportError(error) });
    throw new RunLater(reasonOf(error), delayMs);
  }

  async #finish(run: StartedRun, end: RunEnd): Promise<void> {
    await written(() => this.#options.submissions.finish(run.job.id, run.runId, end));
  }

  async #putBack(run: StartedRun, again: RunAgain): Promise<void> {
    await written(() => this.#options.submissions.putBack(run.job.id, run.runId, again));
  }
}

/** While a run is at work: tells the control database of it, and hears of cancellation. */
class SignsOfLife {
  step: Step | undefined;
  isCancelled = false;
  readonly #options: SubmissionRunnerOptions;
  readonly #run: StartedRun;
  readonly #delivery: JobDelivery<'load'>;
  readonly #controller = new AbortController();
  readonly #meter = new ProgressMeter();
  readonly #ended = new AbortController();
  readonly #beating: Promise<void>;

  constructor(options: SubmissionRunnerOptions, run: StartedRun, delivery: JobDelivery<'load'>) {
    this.#options = options;
    this.#run = run;
    this.#delivery = delivery;
    delivery.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (delivery.signal.aborted) this.#onAbort();
    this.#beating = this.#beat();
  }

  /** Tells the load to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async stop(): Promise<void> {
    this.#delivery.signal.removeEventListener('abort', this.#onAbort);
    this.#ended.abort();
    await this.#beating;
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
      try {
        await this.#tell();
      } catch {
        // The control database is away: the load goes on, and the next sign of life tells all.
      }
    }
  }

  async #tell(): Promise<void> {
    const progress: JobProgress | undefined =
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

/** A control database that restarts must not make a committed load run again. */
async function written(write: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + WRITE_DEADLINE_MS;
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      const isPassing = error instanceof CopylineError && error.retry === 'retry';
      if (!isPassing || performance.now() > deadline) throw error;
      await sleep(WRITE_PAUSE_MS);
    }
  }
}

function resultOf(outcome: Result['outcome'], report: LoadReport | undefined): Result {
  return {
    outcome,
    rowsLoaded: report?.rowsLoaded ?? 0,
    deduplicated: report?.deduplicated ?? false,
  };
}
