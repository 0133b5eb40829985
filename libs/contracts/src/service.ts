import { z } from 'zod';

import { ERRORS, type ErrorCode } from './errors.ts';

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** An error of the HTTP API. Source: RFC 9457, problem details, with members of our own. */
export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(codes),
  /** What to do next. */
  advice: z.string(),
  /** Each fault of the request with the field it is in. */
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  /** Stands in the scheduler's log, too. */
  requestId: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

/** What runs, for people who wonder why nothing happens. */
export const serviceStatusSchema = z.strictObject({
  version: z.string(),
  queue: z.strictObject({
    backend: z.enum(['redis', 'postgres']),
    /** Where it is; never a password. */
    at: z.string(),
    isReachable: z.boolean(),
  }),
  /** The workers that were seen lately. */
  workers: z.array(
    z.strictObject({
      name: z.string(),
      startedAt: z.iso.datetime(),
      seenAt: z.iso.datetime(),
      concurrency: z.int(),
      running: z.int().nonnegative(),
    }),
  ),
  /** What a load or an extract may name. */
  connections: z.array(z.string()),
  sources: z.array(z.string()),
  sinks: z.array(z.string()),
});
export type ServiceStatus = z.infer<typeof serviceStatusSchema>;
