import type { Job, JobState } from '@copyline/contracts';

/** The runs that the page knows, by id. */
export type Jobs = ReadonlyMap<string, Job>;

/** As many as the server sends when a connection begins. */
export const PAGE_SIZE = 100;

/** Takes news in. Messages may overtake each other: the higher revision is the newer view. */
export function mergeJobs(known: Jobs, news: readonly Job[]): Jobs {
  const merged = new Map(known);
  for (const job of news) {
    const old = merged.get(job.id);
    if (old === undefined || job.revision > old.revision) merged.set(job.id, job);
  }
  return merged;
}

/**
 * Takes the list in with which a connection begins. What it should hold and does not is gone; older
 * runs, which it cannot hold, stay.
 */
export function applySnapshot(known: Jobs, snapshot: readonly Job[]): Jobs {
  if (snapshot.length < PAGE_SIZE)
    return mergeJobs(
      keep(known, () => false, snapshot),
      snapshot,
    );
  const oldest = newestFirst(snapshot).at(-1);
  const isOlder = (job: Job): boolean => oldest !== undefined && byNewest(oldest, job) < 0;
  return mergeJobs(keep(known, isOlder, snapshot), snapshot);
}

function keep(known: Jobs, isKept: (job: Job) => boolean, snapshot: readonly Job[]): Jobs {
  const listed = new Set(snapshot.map((job) => job.id));
  return new Map([...known].filter(([id, job]) => listed.has(id) || isKept(job)));
}

export function newestFirst(jobs: Iterable<Job>): Job[] {
  return [...jobs].sort(byNewest);
}

function byNewest(a: Job, b: Job): number {
  // Instants are written alike, so they sort as text; ids settle what began in one millisecond.
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

export function inState(jobs: readonly Job[], state: JobState | null): Job[] {
  return jobs.filter((job) => state === null || job.state === state);
}

export function countByState(jobs: Iterable<Job>): ReadonlyMap<JobState, number> {
  const counts = new Map<JobState, number>();
  for (const { state } of jobs) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
