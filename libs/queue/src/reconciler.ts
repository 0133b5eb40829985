import { CopylineError, type Job, type LoadJob } from '@copyline/contracts';

import type { Submissions } from './control/submissions.ts';
import type { JobQueue } from './job-queue.ts';
import type { LedgerLookup } from './run/ledger-lookup.ts';

export interface ReconcilerOptions {
  readonly submissions: Submissions;
  readonly queue: JobQueue;
  readonly lookUp: LedgerLookup;
  /** Milliseconds without a sign of life after which a submission is looked at. */
  readonly silenceMs: number;
}

/** What one round has put right. */
export interface Reconciliation {
  /** Handed to the queue, which had not heard of them or had forgotten them. */
  readonly enqueued: number;
  /** Closed: the ledger says that they are done. */
  readonly settled: number;
}

/** So many in one round; the next one comes soon, and goes on where this one has ended. */
const BATCH = 500;

/**
 * Brings the queue, which may forget, in line with the submissions, which do not: whatever is due and
 * unknown to the queue is handed to it again, and whatever the ledger knows as done is closed.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** The last submission of the round before; a queue that has thousands is looked at in turn. */
  #after: string | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** @throws CopylineError when the queue or the control database cannot be reached */
  async run(): Promise<Reconciliation> {
    const { submissions, silenceMs } = this.#options;
    let enqueued = 0;
    let settled = 0;
    const batch = await submissions.overdue(silenceMs, BATCH, this.#after);
    this.#after = batch.length < BATCH ? undefined : batch.at(-1)?.id;
    for (const job of batch) {
      const outcome = await this.#reconcile(job);
      if (outcome === 'enqueued') enqueued += 1;
      if (outcome === 'settled') settled += 1;
    }
    return { enqueued, settled };
  }

  async #reconcile(job: Job): Promise<'left' | 'enqueued' | 'settled'> {
    const { queue, submissions } = this.#options;
    const state = await queue.stateOf(job.id);
    if (state === 'pending' || state === 'active') return 'left';
    // Of an extract only a worker knows: it sees the sink.
    const isLoad = job.type === 'load' && job.runs > 0;
    if (isLoad && (await this.#settleFromLedger(job))) return 'settled';
    // The queue says that the job has ended, the submission has not: it must not keep its id.
    if (state === 'ended') await queue.remove(job.id);
    await enqueueSubmission(queue, submissions, job);
    return 'enqueued';
  }

  async #settleFromLedger(job: LoadJob): Promise<boolean> {
    const { lookUp, submissions } = this.#options;
    try {
      const report = await lookUp(job.load, job.id);
      if (report === undefined) return false;
      return await submissions.settle(job, { state: 'done', report, error: null });
    } catch (error) {
      // The target cannot be asked now: a worker will ask it.
      if (error instanceof CopylineError) return false;
      throw error;
    }
  }
}

/** Tells the queue of a submission. @throws CopylineError `QUEUE_UNAVAILABLE` */
export async function enqueueSubmission(
  queue: JobQueue,
  submissions: Submissions,
  job: Job,
): Promise<void> {
  const { id } = job;
  if (job.type === 'load') {
    const { source, connection, into } = job.load;
    await queue.enqueue('load', id, { submissionId: id, source, connection, into });
  } else {
    const { from, connection, to } = job.extract;
    const table = 'table' in from ? from.table : null;
    await queue.enqueue('extract', id, { submissionId: id, connection, table, to });
  }
  await submissions.markEnqueued(id);
}
