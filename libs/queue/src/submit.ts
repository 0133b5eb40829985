import { CopylineError, type Job, type Work } from '@copyline/contracts';

import type { SubmitOptions, Submissions } from './control/submissions.ts';
import type { JobQueue } from './job-queue.ts';
import { enqueueSubmission } from './reconciler.ts';

/**
 * Accepts a load or an extract: written down first, then told to the queue. When the queue does not take it, nothing
 * is accepted, and whoever asked may ask again.
 *
 * @returns the job, and whether it is new
 * @throws CopylineError `QUEUE_UNAVAILABLE`, `IDEMPOTENCY_CONFLICT`, or what the control database says
 */
export async function submitWork(
  queue: JobQueue,
  submissions: Submissions,
  work: Work,
  options: SubmitOptions = {},
): Promise<{ readonly job: Job; readonly isNew: boolean }> {
  const { job, isNew, isEnqueued } = await submissions.submit(work, options);
  if (isEnqueued) return { job, isNew };
  try {
    await enqueueSubmission(queue, submissions, job);
  } catch (error) {
    const isRefusal = error instanceof CopylineError && error.code === 'QUEUE_UNAVAILABLE';
    // The queue may have taken the job although its answer was lost: then a worker has it by now.
    if (!isRefusal || !isNew || (await submissions.withdraw(job.id))) throw error;
  }
  // A repetition that came while the first request was being refused: that one took the job back.
  if (!isNew && (await submissions.find(job.id)) === undefined) {
    throw new CopylineError('QUEUE_UNAVAILABLE', 'The queue did not accept this job');
  }
  return { job, isNew };
}
