import { CopylineError, type Job, type Work } from '@copyline/contracts';
import { submitWork } from '@copyline/queue';
import type { Response } from 'express';

import type { SchedulerService } from '../scheduler.service.ts';
import { checkWork } from './check-work.ts';

/**
 * Checks and submits what a request asks for, and says so with the status of the answer.
 *
 * @param key the Idempotency-Key
 */
export async function acceptWork(
  { config, queue, submissions }: SchedulerService,
  work: Work,
  key: string | undefined,
  response: Response,
): Promise<Job> {
  assertKey(key);
  await checkWork(work, config.settings, { at: '', mayBeMissing: false });
  const options = key === undefined ? {} : { idempotencyKey: key };
  const { job, isNew } = await submitWork(queue, submissions, work, options);
  response.status(isNew ? 202 : 200).location(`/api/v1/jobs/${job.id}`);
  return job;
}

/** @throws CopylineError `REQUEST_INVALID` */
function assertKey(key: string | undefined): void {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return;
  throw new CopylineError(
    'REQUEST_INVALID',
    'An Idempotency-Key has 1 to 255 visible ASCII characters and no spaces',
  );
}
