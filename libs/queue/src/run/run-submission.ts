import {
  CopylineError,
  fileOf,
  reportError,
  type ExtractReport,
  type ExtractRequest,
  type Job,
  type LoadReport,
  type LoadRequest,
} from '@copyline/contracts';
import type { BusyPolicy } from '@copyline/copy';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RunAgain, RunEnd, StartedRun, Submissions } from '../control/submissions.ts';
import type { JobDelivery, JobResult, JobType } from '../job-types.ts';
import { RunFailed, RunLater, reasonOf } from '../job-worker.ts';
import type { LedgerLookup } from './ledger-lookup.ts';
import type { ExtractStep, LoadStep } from './progress-meter.ts';
import { afterFailure, MOST_LOSSES, PATIENCE, type RetryPolicy } from './retry-policy.ts';
import { SignsOfLife, type SignsOfLifeOptions } from './signs-of-life.ts';

/** What an engine has made of a run. */
interface Outcome<Report> {
  readonly report: Report;
  readonly error: CopylineError | undefined;
}

/** The engine of loads, as a worker calls it. Never throws. */
export type LoadRunner = (
  load: LoadRequest,
  run: {
    /** The submission's id; the ledger records it. */
    readonly owner: string;
    readonly whenBusy: BusyPolicy;
    readonly onProgress: (step: LoadStep) => void;
    readonly signal: AbortSignal;
  },
) => Promise<Outcome<LoadReport>>;

/** The engine of extracts, as a worker calls it. */
export interface ExtractRunner {
  /** Never throws. What an earlier run of the same owner has published is its outcome. */
  run(
    extract: ExtractRequest,
    run: {
      /** The submission's id; the manifest records it. */
      readonly owner: string;
      readonly onProgress: (step: ExtractStep) => void;
      /** To be awaited before anything gets its name; afterwards the signal is up to date. */
      readonly beforePublish: () => Promise<void>;
      readonly signal: AbortSignal;
    },
  ): Promise<Outcome<ExtractReport>>;
  /**
   * The report of the run that was published for an owner. What such a run has left unfinished is
   * removed, so that none can be published after this answer.
   *
   * @throws CopylineError when the sink cannot be looked at
   */
  findPublished(extract: ExtractRequest, owner: string): Promise<ExtractReport | undefined>;
}

export interface SubmissionRunnerOptions extends SignsOfLifeOptions {
  readonly submissions: Submissions;
  readonly runLoad: LoadRunner;
  readonly lookUp: LedgerLookup;
  readonly extracts: ExtractRunner;
  /** Host and process, for people. */
  readonly worker: string;
  readonly retry: RetryPolicy;
}

type Report = NonNullable<Job['report']>;

/** How long the outcome of a run is held until the control database takes it. */
const WRITE_DEADLINE_MS = 60_000;
const WRITE_PAUSE_MS = 1_000;
/** A job that the queue has given away: the other worker comes first. */
const OVERTAKEN_PAUSE_MS = 2_000;
/** A target that cannot be asked for the outcome of an earlier run. */
const LOOK_UP_PAUSE_MS = 5_000;
/** A session that was ended lets go of its locks at once, unless its server is very busy. */
const SUPERSEDE_TIMEOUT_MS = 10_000;

/** Runs submissions: what a worker does with a job of whatever type. */
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
  async run(delivery: JobDelivery<JobType>): Promise<JobResult> {
    const { submissions, worker } = this.#options;
    const { submissionId } = delivery.payload;
    const run = await submissions.start(submissionId, worker);
    // Ended meanwhile, or withdrawn: the queue delivers at least once.
    if (run === undefined) return resultOf('discarded', undefined);
    delivery.log(`run ${String(run.job.runs)} on ${worker}`);
    // Not to be run again.
    if (run.job.cancelRequested) return this.#cancelled(run, null);
    if (run.losses >= MOST_LOSSES) return this.#givenUp(run);
    return this.#attempt(run, delivery);
  }

  async #attempt(run: StartedRun, delivery: JobDelivery<JobType>): Promise<JobResult> {
    const life = new SignsOfLife(this.#options, run, delivery);
    let outcome;
    try {
      outcome = await this.#callEngine(run, life);
    } finally {
      await life.stop();
    }
    const { report, error } = outcome;
    if (error === undefined) return this.#done(run, report);
    delivery.log(reasonOf(error));
    // The end that was asked for; any other outcome of an aborted run is told as such.
    if (life.signal.aborted && error.code === (life.signal.reason as CopylineError).code) {
      if (life.isCancelled) return this.#cancelled(run, report);
      return this.#stopped(run, error, report);
    }
    return this.#failed(run, error, report);
  }

  #callEngine({ job, busy }: StartedRun, life: SignsOfLife): Promise<Outcome<Report>> {
    const { runLoad, extracts } = this.#options;
    const follow = {
      owner: job.id,
      onProgress: (step: LoadStep | ExtractStep) => {
        life.step = step;
      },
      signal: life.signal,
    };
    if (job.type === 'extract') {
      return extracts.run(job.extract, { ...follow, beforePublish: () => life.check() });
    }
    const whenBusy: BusyPolicy =
      busy < PATIENCE
        ? { action: 'fail', timeoutMs: 0 }
        : { action: 'supersede', timeoutMs: SUPERSEDE_TIMEOUT_MS };
    return runLoad(job.load, { ...follow, whenBusy });
  }

  async #done(run: StartedRun, report: Report): Promise<JobResult> {
    await this.#finish(run, { state: 'done', report, error: null });
    return resultOf('done', report);
  }

  #cancelled(run: StartedRun, report: Report | null): Promise<JobResult> {
    const error = new CopylineError('JOB_CANCELLED', 'The job was cancelled', {
      source: fileOf(run.job),
      commitState: report?.error?.commitState ?? 'none',
    });
    return this.#endUndone(run, 'cancelled', error, report);
  }

  #givenUp(run: StartedRun): Promise<JobResult> {
    const error = new CopylineError(
      'WORKER_LOST',
      `${String(run.losses)} workers have died while they ran this ${run.job.type}`,
      { source: fileOf(run.job) },
    );
    return this.#endUndone(run, 'failed', error, null);
  }

  /**
   * Ends a job for good with nothing done. A run of which nobody has heard how it ended may have been
   * committed all the same, and one that is only slow must not commit after it was said to be over.
   */
  async #endUndone(
    run: StartedRun,
    state: 'failed' | 'cancelled',
    error: CopylineError,
    report: Report | null,
  ): Promise<JobResult> {
    if (run.isUncertain && (await this.#isCurrent(run))) {
      let committed;
      try {
        committed = await this.#findCommitted(run.job);
      } catch (fault) {
        if (!(fault instanceof CopylineError)) throw fault;
        return this.#unknown(run, fault);
      }
      if (committed !== undefined) return this.#done(run, committed);
    }
    await this.#finish(run, { state, report, error: reportError(error) });
    if (state === 'failed') throw new RunFailed(reasonOf(error));
    return resultOf(state, undefined);
  }

  /** Whether this run still speaks for the job: one that was overtaken must not close the newer one's. */
  async #isCurrent({ job, runId }: StartedRun): Promise<boolean> {
    const answer = await written(() => this.#options.submissions.beat(job.id, runId, undefined));
    return answer !== undefined;
  }

  /** What an earlier run has made true without having said so; none can do so any more. */
  #findCommitted(job: Job): Promise<Report | undefined> {
    const { lookUp, extracts } = this.#options;
    return job.type === 'load'
      ? lookUp(job.load, job.id, { close: true })
      : extracts.findPublished(job.extract, job.id);
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

  /** Stopped in good order, or overtaken: nothing is wrong with the job. */
  async #stopped(run: StartedRun, error: CopylineError, report: Report): Promise<never> {
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

  async #failed(run: StartedRun, error: CopylineError, report: Report): Promise<JobResult> {
    const next = afterFailure(error, run, this.#options.retry);
    if (next.action === 'fail') return this.#endUndone(run, 'failed', error, report);
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

/** A control database that restarts must not make committed work run again. */
async function written<T>(write: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + WRITE_DEADLINE_MS;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      const isPassing = error instanceof CopylineError && error.retry === 'retry';
      if (!isPassing || performance.now() > deadline) throw error;
      await sleep(WRITE_PAUSE_MS);
    }
  }
}

function resultOf(outcome: JobResult['outcome'], report: Report | undefined): JobResult {
  if (report === undefined) return { outcome, rows: 0 };
  return { outcome, rows: 'rowsLoaded' in report ? report.rowsLoaded : report.rowsExtracted };
}
