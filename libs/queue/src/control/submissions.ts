import {
  CopylineError,
  extractRequestSchema,
  loadRequestSchema,
  type Job,
  type JobState,
  type ReportError,
  type Work,
} from '@copyline/contracts';
import { createHash, randomUUID } from 'node:crypto';

import type { ControlDatabase } from './control-database.ts';
import { jobOf, JOB_COLUMNS, type SubmissionRow } from './submission-row.ts';

/** A database's `query`, of a pool or of a transaction. */
type Query = ControlDatabase['query'];

export interface SubmitOptions {
  readonly idempotencyKey?: string;
  readonly schedule?: { readonly name: string; readonly nominalAt: Date };
}

/** How a run ended for good. */
export interface RunEnd {
  readonly state: 'done' | 'failed' | 'cancelled';
  readonly report: Job['report'];
  readonly error: ReportError | null;
}

/** Why a submission is to be run again. */
export interface RunAgain {
  /** `queued` after an orderly stop: nothing was wrong with the job. */
  readonly state: 'queued' | 'waiting' | 'in-doubt';
  readonly delayMs: number;
  readonly counts: 'failure' | 'busy' | 'nothing';
  readonly report: Job['report'];
  readonly error: ReportError | null;
}

/** A run that has begun. */
export interface StartedRun {
  readonly runId: string;
  readonly job: Job;
  readonly failures: number;
  readonly losses: number;
  readonly busy: number;
  /** How an earlier run has ended nobody knows: it may have been committed, or may yet be. */
  readonly isUncertain: boolean;
}

/** What has been asked for and what has become of it. All times are those of the database's clock. */
export class Submissions {
  readonly #database: ControlDatabase;
  readonly #table: string;

  constructor(database: ControlDatabase) {
    this.#database = database;
    this.#table = `${database.schema}.submission`;
  }

  /**
   * Writes a submission down; the queue has not heard of it yet.
   *
   * @param query of a transaction that the submission is to be part of
   * @returns the job, whether it is new (a key that was used for the same work gives that job), and
   *   whether the queue has heard of it
   * @throws CopylineError `IDEMPOTENCY_CONFLICT` when the key was used for other work
   */
  async submit(
    work: Work,
    options: SubmitOptions = {},
    query: Query = (text, parameters) => this.#database.query(text, parameters),
  ): Promise<{ readonly job: Job; readonly isNew: boolean; readonly isEnqueued: boolean }> {
    const { type } = work;
    const request = work.type === 'load' ? work.load : work.extract;
    const digest = digestOf(work);
    const { idempotencyKey: key, schedule } = options;
    const inserted = await query<SubmissionRow>(
      `INSERT INTO ${this.#table} 
         (id, idempotency_key, type, request, request_digest, schedule, nominal_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (idempotency_key) DO NOTHING
       RETURNING ${JOB_COLUMNS}`,
      [
        randomUUID(),
        key ?? null,
        type,
        JSON.stringify(request),
        digest,
        schedule?.name ?? null,
        schedule?.nominalAt ?? null,
      ],
    );
    const [row] = inserted.rows;
    if (row !== undefined) return { job: jobOf(row), isNew: true, isEnqueued: false };
    const existing = await query<SubmissionRow & { request_digest: string; enqueued: boolean }>(
      `SELECT ${JOB_COLUMNS}, request_digest, enqueued_at IS NOT NULL AS enqueued
         FROM ${this.#table} WHERE idempotency_key = $1`,
      [key],
    );
    const [earlier] = existing.rows;
    // Withdrawn between the two statements: the key is free again.
    if (earlier === undefined) return this.submit(work, options, query);
    if (earlier.request_digest === digest) {
      return { job: jobOf(earlier), isNew: false, isEnqueued: earlier.enqueued };
    }
    throw new CopylineError('IDEMPOTENCY_CONFLICT', 'This Idempotency-Key belongs to other work');
  }

  async markEnqueued(id: string): Promise<void> {
    await this.#database.query(
      `UPDATE ${this.#table} SET enqueued_at = clock_timestamp()
        WHERE id = $1 AND enqueued_at IS NULL`,
      [id],
    );
  }

  /** Takes a submission back that the queue did not accept. @returns false when it runs already */
  async withdraw(id: string): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `DELETE FROM ${this.#table}
        WHERE id = $1 AND state = 'queued' AND runs = 0 AND enqueued_at IS NULL`,
      [id],
    );
    return rowCount > 0;
  }

  async find(id: string): Promise<Job | undefined> {
    const { rows } = await this.#database.query<SubmissionRow>(
      `SELECT ${JOB_COLUMNS} FROM ${this.#table} WHERE id = $1`,
      [id],
    );
    return rows[0] === undefined ? undefined : jobOf(rows[0]);
  }

  /** The newest first. @param before a cursor of an earlier page */
  async list(filter: {
    readonly limit: number;
    readonly states?: readonly JobState[];
    readonly before?: string;
  }): Promise<{ readonly jobs: Job[]; readonly next: string | null }> {
    const [time, id] = parseCursor(filter.before);
    const { rows } = await this.#database.query<SubmissionRow>(
      `SELECT ${JOB_COLUMNS} FROM ${this.#table}
        WHERE ($1::text[] IS NULL OR state = ANY ($1))
          AND ($2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $4`,
      [filter.states ?? null, time, id, filter.limit + 1],
    );
    const page = rows.slice(0, filter.limit);
    const last = page.at(-1);
    const isLast = rows.length <= filter.limit || last === undefined;
    return { jobs: page.map(jobOf), next: isLast ? null : `${last.created_at}_${last.id}` };
  }

  /** Those changed within the last so many milliseconds. */
  async changedWithin(milliseconds: number): Promise<Job[]> {
    const { rows } = await this.#database.query<SubmissionRow>(
      `SELECT ${JOB_COLUMNS} FROM ${this.#table}
        WHERE changed_at > clock_timestamp() - $1 * interval '1 ms' ORDER BY changed_at`,
      [milliseconds],
    );
    return rows.map(jobOf);
  }

  // — a worker's side —

  /**
   * A run begins, and from now on speaks for the submission; one that has not ended is counted as lost.
   *
   * @returns undefined when nothing is to be done any more
   */
  async start(id: string, worker: string): Promise<StartedRun | undefined> {
    const { rows } = await this.#database.query<SubmissionRow & StartedRow>(
      `UPDATE ${this.#table}
          SET losses = losses + CASE state WHEN 'running' THEN 1 ELSE 0 END,
              uncertain = uncertain OR state = 'running',
              state = 'running', run_id = $2, worker = $3, runs = runs + 1, progress = NULL,
              started_at = coalesce(started_at, clock_timestamp()),
              enqueued_at = coalesce(enqueued_at, clock_timestamp()),
              seen_at = clock_timestamp(), next_run_at = NULL
        WHERE id = $1 AND ${UNSETTLED}
        RETURNING ${JOB_COLUMNS}, run_id, failures, losses, busy, uncertain`,
      [id, randomUUID(), worker],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const { run_id: runId, failures, losses, busy, uncertain: isUncertain } = row;
    return { runId, job: jobOf(row), failures, losses, busy, isUncertain };
  }

  /**
   * A sign of life, with the progress made.
   *
   * @returns undefined when another run speaks for the submission now
   */
  async beat(
    id: string,
    runId: string,
    progress: NonNullable<Job['progress']> | undefined,
  ): Promise<{ readonly cancelRequested: boolean } | undefined> {
    const { rows } = await this.#database.query<{ cancel: boolean }>(
      `UPDATE ${this.#table}
          SET seen_at = clock_timestamp(), progress = coalesce($3, progress)
        WHERE id = $1 AND run_id = $2 AND state = 'running'
        RETURNING cancel_requested_at IS NOT NULL AS cancel`,
      [id, runId, progress === undefined ? null : JSON.stringify(progress)],
    );
    return rows[0] === undefined ? undefined : { cancelRequested: rows[0].cancel };
  }

  /** @returns false when another run speaks for the submission now; then nothing is written */
  async finish(id: string, runId: string, end: RunEnd): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `UPDATE ${this.#table}
          SET state = $3, report = $4, error = $5, progress = NULL, busy = 0,
              finished_at = clock_timestamp()
        WHERE id = $1 AND run_id = $2 AND state = 'running'`,
      [id, runId, end.state, jsonOf(end.report), jsonOf(end.error)],
    );
    return rowCount > 0;
  }

  /** @returns false when another run speaks for the submission now; then nothing is written */
  async putBack(id: string, runId: string, again: RunAgain): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `UPDATE ${this.#table}
          SET state = $3, report = $4, error = $5, progress = NULL,
              uncertain = uncertain OR $3 = 'in-doubt',
              failures = failures + CASE $6 WHEN 'failure' THEN 1 ELSE 0 END,
              busy = CASE $6 WHEN 'busy' THEN busy + 1 ELSE 0 END,
              next_run_at = clock_timestamp() + $7 * interval '1 ms'
        WHERE id = $1 AND run_id = $2 AND state = 'running'`,
      [
        id,
        runId,
        again.state,
        jsonOf(again.report),
        jsonOf(again.error),
        again.counts,
        again.delayMs,
      ],
    );
    return rowCount > 0;
  }

  // — a person's side —

  /**
   * Asks for the end of a job. One that nobody runs is cancelled at once, if all its runs have told how
   * they ended; else a worker has to find out first, and is due now. A running one hears of it with its
   * next sign of life, and its outcome is the truth.
   *
   * @throws CopylineError `JOB_NOT_FOUND`, `JOB_FINISHED`
   */
  async cancel(id: string): Promise<Job> {
    const { rows } = await this.#database.query<SubmissionRow>(
      `UPDATE ${this.#table}
          SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
              finished_at = CASE WHEN ${AT_REST} THEN clock_timestamp() END,
              next_run_at = CASE WHEN ${AT_REST} OR state = 'running' THEN NULL
                                 ELSE clock_timestamp() END,
              state = CASE WHEN ${AT_REST} THEN 'cancelled' ELSE state END
        WHERE id = $1 AND ${UNSETTLED} RETURNING ${JOB_COLUMNS}`,
      [id],
    );
    if (rows[0] !== undefined) return jobOf(rows[0]);
    const job = await this.find(id);
    throw job === undefined
      ? new CopylineError('JOB_NOT_FOUND', `There is no job ${id}`)
      : new CopylineError('JOB_FINISHED', `The job has ended: it is ${job.state}`);
  }

  // — the reconciler's side —

  /**
   * Submissions that the queue should be at work on, or should have been: due, and without a sign of
   * life for a while. In the order of their ids, a page at a time.
   *
   * @param after the last id of the page before
   */
  async overdue(silenceMs: number, limit: number, after?: string): Promise<Job[]> {
    const { rows } = await this.#database.query<SubmissionRow>(
      `SELECT ${JOB_COLUMNS} FROM ${this.#table}
        WHERE ${UNSETTLED} AND ($3::uuid IS NULL OR id > $3)
          AND greatest(created_at, seen_at, next_run_at)
              < clock_timestamp() - $1 * interval '1 ms'
        ORDER BY id LIMIT $2`,
      [silenceMs, limit, after ?? null],
    );
    return rows.map(jobOf);
  }

  /** Ends a submission that no run speaks for any more; the revision guards against one that does. */
  async settle(job: Job, end: RunEnd): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `UPDATE ${this.#table}
          SET state = $3, report = $4, error = $5, progress = NULL,
              finished_at = clock_timestamp()
        WHERE id = $1 AND revision = $2 AND ${UNSETTLED}`,
      [job.id, job.revision, end.state, jsonOf(end.report), jsonOf(end.error)],
    );
    return rowCount > 0;
  }
}

/** What `start` gives beside the job. */
interface StartedRow {
  run_id: string;
  failures: number;
  losses: number;
  busy: number;
  uncertain: boolean;
}

const UNSETTLED = `state IN ('queued', 'running', 'waiting', 'in-doubt')`;
/** Nothing of it is loaded or published, nor can be before its next run. */
const AT_REST = `(state IN ('queued', 'waiting') AND NOT uncertain)`;

/** The same for every way of writing the same work: defaults filled in, keys in order. */
function digestOf(work: Work): string {
  const complete =
    work.type === 'load'
      ? loadRequestSchema.parse(work.load)
      : { type: work.type, ...extractRequestSchema.parse(work.extract) };
  const canonical = JSON.stringify(sortKeys(complete));
  return createHash('sha256').update(canonical).digest('hex');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

/** What jsonb refuses is replaced: an excerpt of a dirty file must not keep a job from ending. */
function jsonOf(value: object | null): string | null {
  if (value === null) return null;
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'string'
      ? Buffer.from(inner).toString().replaceAll('\0', '\ufffd') // lone surrogates go, too
      : inner,
  );
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** @throws CopylineError `REQUEST_INVALID` */
function parseCursor(cursor: string | undefined): [string | null, string | null] {
  if (cursor === undefined) return [null, null];
  const [time, id] = cursor.split('_');
  if (time !== undefined && id !== undefined && UUID.test(id) && !Number.isNaN(Date.parse(time))) {
    return [time, id];
  }
  throw new CopylineError('REQUEST_INVALID', '“before” is not a cursor of an earlier page');
}
