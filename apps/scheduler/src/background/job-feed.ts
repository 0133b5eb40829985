import type { Job } from '@copyline/contracts';
import type { Submissions } from '@copyline/queue';
import type { Logger } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';

import { Repeat } from './repeat.ts';

/** A page moves well within a second, and the statement takes a millisecond. */
const POLL_MS = 250;
/**
 * How far back each look goes: a change becomes visible when its transaction commits, which may be
 * later than it says. What was told before is not told again.
 */
const OVERLAP_MS = 5_000;
/** How many jobs a listener gets to begin with. */
const NEWEST = 100;

/** The changes of all jobs, for whoever listens; nobody is asked while nobody does. */
export class JobFeed {
  readonly #submissions: Submissions;
  readonly #log: Logger;
  readonly #changes = new Subject<Job[]>();
  /** Revisions that were told, of the jobs changed lately. */
  #told = new Map<string, number>();
  #listeners = 0;
  #poll: Repeat | undefined;

  constructor(submissions: Submissions, log: Logger) {
    this.#submissions = submissions;
    this.#log = log;
  }

  /** First the newest jobs, from then on those that have changed. */
  follow(): Observable<Job[]> {
    return new Observable((listener) => {
      // Listening comes first: what changes while the list is read is told twice rather than never.
      const changes = this.#changes.subscribe(listener);
      this.#listeners += 1;
      this.#poll ??= new Repeat('Changes of jobs', POLL_MS, this.#log, () => this.#look());
      this.#submissions.list({ limit: NEWEST }).then(
        ({ jobs }) => {
          listener.next(jobs);
        },
        (error: unknown) => {
          listener.error(error);
        },
      );
      return () => {
        changes.unsubscribe();
        this.#listeners -= 1;
        if (this.#listeners === 0) void this.stop();
      };
    });
  }

  async stop(): Promise<void> {
    const poll = this.#poll;
    this.#poll = undefined;
    await poll?.stop();
  }

  async #look(): Promise<void> {
    const recent = await this.#submissions.changedWithin(OVERLAP_MS);
    const news = recent.filter(({ id, revision }) => this.#told.get(id) !== revision);
    this.#told = new Map(recent.map(({ id, revision }) => [id, revision]));
    if (news.length > 0) this.#changes.next(news);
  }
}
