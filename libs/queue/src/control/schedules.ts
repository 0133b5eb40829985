import {
  CopylineError,
  scheduleSpecSchema,
  type Job,
  type Occurrence,
  type Schedule,
  type ScheduleSpec,
} from '@copyline/contracts';

import { assertCron, nextNominal, whatIsDue } from '../schedule/cron.ts';
import { workOf } from '../schedule/occurrence-work.ts';
import type { ControlDatabase } from './control-database.ts';
import { instantOf, instantOrNull, isoUtc } from './submission-row.ts';
import type { Submissions } from './submissions.ts';

type Query = ControlDatabase['query'];

interface ScheduleRow {
  name: string;
  spec: ScheduleSpec;
  paused: boolean;
  next_at: string | null;
  created_at: string;
  updated_at: string;
}

interface OccurrenceRow {
  nominal_at: string;
  outcome: Occurrence['outcome'];
  trigger: Occurrence['trigger'];
  submission_id: string | null;
  reason: string | null;
}

const SCHEDULE_COLUMNS = `name, spec, paused, ${['next_at', 'created_at', 'updated_at'].map(isoUtc).join(', ')}`;
const OCCURRENCE_COLUMNS = `outcome, trigger, submission_id, reason, ${isoUtc('nominal_at')}`;

/** Loads and extracts that are submitted by the clock; the clock is the database's. */
export class Schedules {
  readonly #database: ControlDatabase;
  readonly #submissions: Submissions;
  readonly #schema: string;

  constructor(database: ControlDatabase, submissions: Submissions) {
    this.#database = database;
    this.#submissions = submissions;
    this.#schema = database.schema;
  }

  /**
   * Creates or replaces a schedule. Occurrences that were due before are not made up for.
   *
   * @returns the schedule, and whether it is new
   * @throws CopylineError `REQUEST_INVALID` naming the field
   */
  async put(
    name: string,
    spec: ScheduleSpec,
  ): Promise<{ readonly schedule: Schedule; readonly isNew: boolean }> {
    assertCron(spec);
    const isNew = await this.#database.transaction(async (query) => {
      const nextAt = spec.paused ? null : nextNominal(spec, await readClock(query));
      const { rows } = await query<{ is_new: boolean }>(
        `INSERT INTO ${this.#schema}.schedule (name, spec, paused, next_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, paused = excluded.paused,
           next_at = excluded.next_at, updated_at = clock_timestamp()
         RETURNING xmax = 0 AS is_new`,
        [name, JSON.stringify(spec), spec.paused, nextAt],
      );
      return rows[0]?.is_new === true;
    });
    return { schedule: await this.get(name), isNew };
  }

  /** @throws CopylineError `SCHEDULE_NOT_FOUND` */
  async get(name: string): Promise<Schedule> {
    const [schedule] = await this.#read('WHERE name = $1', [name]);
    return schedule ?? notFound(name);
  }

  list(): Promise<Schedule[]> {
    return this.#read('ORDER BY name', []);
  }

  /** The newest first. @throws CopylineError `SCHEDULE_NOT_FOUND` */
  async occurrences(name: string, limit: number): Promise<Occurrence[]> {
    await this.get(name);
    const { rows } = await this.#database.query<OccurrenceRow>(
      `SELECT ${OCCURRENCE_COLUMNS} FROM ${this.#schema}.occurrence o
        WHERE schedule = $1 ORDER BY o.nominal_at DESC LIMIT $2`,
      [name, limit],
    );
    return rows.map(occurrenceOf);
  }

  /** Its jobs stay. @throws CopylineError `SCHEDULE_NOT_FOUND` */
  async remove(name: string): Promise<void> {
    const { rowCount } = await this.#database.query(
      `DELETE FROM ${this.#schema}.schedule WHERE name = $1`,
      [name],
    );
    if (rowCount === 0) notFound(name);
  }

  /** Occurrences that come while a schedule is paused do not happen. @throws `SCHEDULE_NOT_FOUND` */
  async setPaused(name: string, paused: boolean): Promise<Schedule> {
    await this.#database.transaction(async (query) => {
      const { spec } = await this.#lock(query, name);
      const nextAt = paused ? null : nextNominal(spec, await readClock(query));
      await query(
        `UPDATE ${this.#schema}.schedule
            SET paused = $2, next_at = $3, updated_at = clock_timestamp() WHERE name = $1`,
        [name, paused, nextAt],
      );
    });
    return this.get(name);
  }

  /**
   * An occurrence out of turn, also of a paused schedule. The overlap policy holds for it, too.
   *
   * @returns the occurrence, and the job if one was submitted, which the queue has to be told of
   * @throws CopylineError `SCHEDULE_NOT_FOUND`
   */
  async runNow(name: string): Promise<{ occurrence: Occurrence; job: Job | undefined }> {
    return this.#database.transaction(async (query) => {
      const row = await this.#lock(query, name);
      const nominalAt = await readClock(query);
      // Two requests within a millisecond are two occurrences.
      while (await this.#hasHappened(query, name, nominalAt)) {
        nominalAt.setTime(nominalAt.getTime() + 1);
      }
      return this.#happen(query, row, nominalAt, 'manual');
    });
  }

  /**
   * Lets the occurrences happen that have become due, one schedule after the other; other schedulers
   * may do so at the same time. Of several that were missed only the latest one is made up for.
   *
   * @returns the jobs that were submitted, which the queue has to be told of
   */
  async fireDue(): Promise<Job[]> {
    const jobs: Job[] = [];
    for (;;) {
      const fired = await this.#database.transaction((query) => this.#fireOne(query));
      if (fired === 'none') return jobs;
      if (fired !== undefined) jobs.push(fired);
    }
  }

  async #fireOne(query: Query): Promise<Job | 'none' | undefined> {
    const { rows } = await query<ScheduleRow>(
      `SELECT ${SCHEDULE_COLUMNS} FROM ${this.#schema}.schedule s
        WHERE s.next_at <= clock_timestamp() ORDER BY s.next_at LIMIT 1
        FOR UPDATE SKIP LOCKED`,
    );
    const [row] = rows;
    if (row === undefined) return 'none';
    const awaited = new Date(row.next_at ?? '');
    const due = whatIsDue(row.spec, awaited, await readClock(query));
    await query(
      `INSERT INTO ${this.#schema}.occurrence (schedule, nominal_at, trigger, outcome)
       SELECT $1, unnest($2::timestamptz[]), 'cron', 'missed' ON CONFLICT DO NOTHING`,
      [row.name, (due?.missed ?? []).map((missed) => missed.toISOString())],
    );
    const nominalAt = due?.nominalAt ?? awaited;
    // The clock may have been set back, and the schedule put again. It must not stop all others.
    const job = (await this.#hasHappened(query, row.name, nominalAt))
      ? undefined
      : (await this.#happen(query, row, nominalAt, 'cron')).job;
    await query(`UPDATE ${this.#schema}.schedule SET next_at = $2 WHERE name = $1`, [
      row.name,
      nextNominal(row.spec, nominalAt),
    ]);
    return job;
  }

  async #hasHappened(query: Query, name: string, nominalAt: Date): Promise<boolean> {
    const { rowCount } = await query(
      `SELECT FROM ${this.#schema}.occurrence WHERE schedule = $1 AND nominal_at = $2`,
      [name, nominalAt],
    );
    return rowCount > 0;
  }

  async #happen(
    query: Query,
    row: ScheduleRow,
    nominalAt: Date,
    trigger: Occurrence['trigger'],
  ): Promise<{ occurrence: Occurrence; job: Job | undefined }> {
    const parsed = scheduleSpecSchema.safeParse(row.spec);
    if (!parsed.success) {
      const reason = `The schedule is not valid any more: ${parsed.error.issues[0]?.message ?? ''}`;
      return this.#withoutJob(query, row.name, { nominalAt, trigger, outcome: 'refused', reason });
    }
    const spec = parsed.data;
    const running = spec.overlap === 'skip' ? await this.#unfinished(query, row.name) : undefined;
    if (running !== undefined) {
      const reason = `The job ${running} has not ended`;
      return this.#withoutJob(query, row.name, { nominalAt, trigger, outcome: 'skipped', reason });
    }
    const { job } = await this.#submissions.submit(
      workOf(spec, nominalAt),
      { schedule: { name: row.name, nominalAt } },
      query,
    );
    const occurrence = await this.#record(query, row.name, {
      nominalAt,
      trigger,
      outcome: 'submitted',
      jobId: job.id,
    });
    return { occurrence, job };
  }

  async #withoutJob(
    query: Query,
    name: string,
    what: NewOccurrence,
  ): Promise<{ occurrence: Occurrence; job: undefined }> {
    return { occurrence: await this.#record(query, name, what), job: undefined };
  }

  /** @throws when the nominal time has happened before: then the whole transaction must not be */
  async #record(query: Query, name: string, what: NewOccurrence): Promise<Occurrence> {
    const { rows } = await query<OccurrenceRow>(
      `INSERT INTO ${this.#schema}.occurrence
         (schedule, nominal_at, trigger, outcome, submission_id, reason)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${OCCURRENCE_COLUMNS}`,
      [name, what.nominalAt, what.trigger, what.outcome, what.jobId ?? null, what.reason ?? null],
    );
    return occurrenceOf(rows[0] as OccurrenceRow);
  }

  async #unfinished(query: Query, name: string): Promise<string | undefined> {
    const { rows } = await query<{ id: string }>(
      `SELECT id FROM ${this.#schema}.submission
        WHERE schedule = $1 AND state NOT IN ('done', 'failed', 'cancelled') LIMIT 1`,
      [name],
    );
    return rows[0]?.id;
  }

  async #lock(query: Query, name: string): Promise<ScheduleRow> {
    const { rows } = await query<ScheduleRow>(
      `SELECT ${SCHEDULE_COLUMNS} FROM ${this.#schema}.schedule WHERE name = $1 FOR UPDATE`,
      [name],
    );
    return rows[0] ?? notFound(name);
  }

  async #read(condition: string, values: readonly unknown[]): Promise<Schedule[]> {
    const { rows } = await this.#database.query<
      ScheduleRow & { last_occurrence: OccurrenceRow | null }
    >(
      `SELECT ${SCHEDULE_COLUMNS},
              (SELECT to_jsonb(last) FROM (
                 SELECT ${OCCURRENCE_COLUMNS} FROM ${this.#schema}.occurrence o
                  WHERE o.schedule = s.name ORDER BY o.nominal_at DESC LIMIT 1) last
              ) AS last_occurrence
         FROM ${this.#schema}.schedule s ${condition}`,
      values,
    );
    return rows.map((row) => ({
      ...row.spec,
      paused: row.paused,
      name: row.name,
      nextAt: instantOrNull(row.next_at),
      lastOccurrence: row.last_occurrence === null ? null : occurrenceOf(row.last_occurrence),
      createdAt: instantOf(row.created_at),
      updatedAt: instantOf(row.updated_at),
    }));
  }
}

interface NewOccurrence {
  readonly nominalAt: Date;
  readonly trigger: Occurrence['trigger'];
  readonly outcome: Occurrence['outcome'];
  readonly jobId?: string;
  readonly reason?: string;
}

/** The database's, so that schedulers whose clocks differ agree. */
async function readClock(query: Query): Promise<Date> {
  const { rows } = await query<{ now: string }>(
    `SELECT ${isoUtc('now')} FROM (SELECT clock_timestamp() AS now) clock`,
  );
  return new Date(rows[0]?.now ?? Number.NaN);
}

function occurrenceOf(row: OccurrenceRow): Occurrence {
  return {
    nominalAt: instantOf(row.nominal_at),
    outcome: row.outcome,
    trigger: row.trigger,
    jobId: row.submission_id,
    reason: row.reason,
  };
}

function notFound(name: string): never {
  throw new CopylineError('SCHEDULE_NOT_FOUND', `There is no schedule named ${name}`);
}
