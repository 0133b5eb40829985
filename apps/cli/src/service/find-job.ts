import { CopylineError, type Job } from '@copyline/contracts';

import type { ServiceClient } from './service-client.ts';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const PREFIX = /^[\da-f][\da-f-]{3,}$/;
const PAGE = 100;
/** A thousand jobs back; who means an older one has its full id. */
const PAGES = 10;

/**
 * A job by its id or by the first characters of it, four at least.
 *
 * @throws CopylineError `JOB_NOT_FOUND`, also when several jobs begin like this
 */
export async function findJob(service: ServiceClient, given: string): Promise<Job> {
  const id = given.toLowerCase();
  if (UUID.test(id)) return service.getJob(id);
  if (!PREFIX.test(id)) {
    throw new CopylineError('JOB_NOT_FOUND', `“${given}” is not the id of a job`, {
      expected: 'an id, or its first characters, four at least',
    });
  }
  const found: Job[] = [];
  let before: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const { jobs, next } = await service.listJobs({ limit: PAGE, before });
    found.push(...jobs.filter((job) => job.id.startsWith(id)));
    if (next === null) break;
    before = next;
  }
  const [job] = found;
  if (job !== undefined && found.every((other) => other.id === job.id)) return job;
  throw new CopylineError(
    'JOB_NOT_FOUND',
    job === undefined ? `There is no job ${given}` : `Several jobs begin with ${given}`,
  );
}
