import { nameSchema, type JobTypeName } from '@copyline/contracts';
import { z } from 'zod';

/** What a run gives back: enough for the queue's board. */
const result = z.strictObject({
  /** `discarded`: the submission had ended, or is gone. */
  outcome: z.enum(['done', 'failed', 'cancelled', 'discarded']),
  /** Loaded or extracted. */
  rows: z.int().nonnegative(),
});

/**
 * Every kind of job: what travels through the queue, and what its run gives back. A payload is a
 * reference, with enough beside it to be recognised on a queue's board; the submission in the control
 * database is what is run.
 */
export const JOB_TYPES = {
  load: {
    payload: z.strictObject({
      submissionId: z.uuid(),
      source: z.string(),
      connection: nameSchema,
      into: z.string(),
    }),
    result,
  },
  extract: {
    payload: z.strictObject({
      submissionId: z.uuid(),
      connection: nameSchema,
      /** The table; of a query nothing, whose text is nobody's business here. */
      table: z.string().nullable(),
      to: z.string(),
    }),
    result,
  },
} as const satisfies Record<
  JobTypeName,
  { readonly payload: z.ZodType; readonly result: z.ZodType }
>;

export type JobType = keyof typeof JOB_TYPES;
export type JobPayload<Type extends JobType> = z.infer<(typeof JOB_TYPES)[Type]['payload']>;
export type JobResult = z.infer<typeof result>;

/** A run of one job. */
export interface JobDelivery<Type extends JobType> {
  readonly payload: JobPayload<Type>;
  /** Aborted when the queue has given the job to another worker, or this one is to stop. */
  readonly signal: AbortSignal;
  /** Shows progress on the queue's board; best effort. */
  report(progress: object): void;
  /** Adds a line to the job's log on the queue's board; best effort. */
  log(line: string): void;
}

/** For each kind of job its handler. */
export type JobHandlers = {
  readonly [Type in JobType]: (delivery: JobDelivery<Type>) => Promise<JobResult>;
};

/** The one queue of loads and extracts; the rest of the future shares it. */
export const QUEUE_NAME = 'loads';

/** @throws Error at boot when a kind of job has no handler, or a handler no kind of job */
export function assertHandlers(handlers: Readonly<Record<string, unknown>>): void {
  const types = Object.keys(JOB_TYPES);
  const missing = types.filter((type) => typeof handlers[type] !== 'function');
  const unknown = Object.keys(handlers).filter((name) => !types.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const faults = [
    ...missing.map((type) => `no handler for jobs of type ${type}`),
    ...unknown.map((name) => `a handler for ${name}, which is no type of job`),
  ];
  throw new Error(`The worker cannot start: ${faults.join('; ')}`);
}
