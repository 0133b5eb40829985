import { z } from 'zod';

import { scheduledExtractSchema } from './extract-request.ts';
import { loadRequestSchema, nameSchema } from './load-request.ts';

const instant = z.iso.datetime();

const members = {
  /** Five fields, or six with seconds first: `0 2 * * *` is two o'clock every night. */
  cron: z.string().min(1).max(128),
  /** An IANA name, `Europe/Berlin`; the hours of `cron` are hours of that zone. */
  timeZone: z.string().min(1).max(64).default('UTC'),
  /** What every occurrence submits: this, */
  load: loadRequestSchema.optional(),
  /** or this. */
  extract: scheduledExtractSchema.optional(),
  /**
   * What happens while the job of the previous occurrence has not ended: `skip` leaves the new
   * occurrence out, `allow` submits it all the same.
   */
  overlap: z.enum(['skip', 'allow']).default('skip'),
  /**
   * Of loads: what counts as the same load again. `content`: the same bytes are loaded once, whatever the
   * occurrence. `occurrence`: every occurrence loads, also an unchanged file.
   */
  dedupe: z.enum(['content', 'occurrence']).default('content'),
  paused: z.boolean().default(false),
};

/** A schedule as it is written. */
export const scheduleSpecSchema = z.strictObject(members).superRefine((spec, context) => {
  const fault = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  if ((spec.load === undefined) === (spec.extract === undefined)) {
    fault('load', 'is given, or “extract”: exactly one of them');
  } else if (spec.extract !== undefined && spec.dedupe === 'occurrence') {
    fault('dedupe', 'is of loads only: every occurrence of an extract is run');
  }
});
export type ScheduleSpec = z.infer<typeof scheduleSpecSchema>;
export type ScheduleSpecInput = z.input<typeof scheduleSpecSchema>;

/** One time at which a schedule was due. */
export const occurrenceSchema = z.strictObject({
  /** When it was due; for `run now` the time of the request. */
  nominalAt: instant,
  /**
   * `submitted`: there is a job. `skipped`: the previous one had not ended. `missed`: no scheduler
   * was running, and a later occurrence has taken its place. `refused`: see `reason`.
   */
  outcome: z.enum(['submitted', 'skipped', 'missed', 'refused']),
  trigger: z.enum(['cron', 'manual']),
  jobId: z.uuid().nullable(),
  reason: z.string().nullable(),
});
export type Occurrence = z.infer<typeof occurrenceSchema>;

export const scheduleSchema = z.strictObject({
  ...members,
  name: nameSchema,
  /** Null while paused. */
  nextAt: instant.nullable(),
  lastOccurrence: occurrenceSchema.nullable(),
  createdAt: instant,
  updatedAt: instant,
});
export type Schedule = z.infer<typeof scheduleSchema>;
