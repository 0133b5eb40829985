import type { z } from 'zod';

import { extractSpecSchema } from './extract-spec.ts';
import { EMBEDDED_CONNECTION, nameSchema, rootedNameSchema } from './load-request.ts';

const rootedSink = rootedNameSchema('outbox:orders.csv');

/** A sink by name: a configured root that may be written to, and a file below it. */
export const sinkNameSchema = rootedSink.refine(
  (name) => !/[{}]/.test(name),
  'has { or } in it: only a schedule has a date to fill in',
);

/**
 * An extract as it is submitted: like one on the command line, but database and sink are names, which
 * each worker looks up in its own configuration. The text of a query is kept and shown: it is no
 * place for a secret.
 */
export const extractRequestSchema = extractSpecSchema.omit({ to: true }).extend({
  to: sinkNameSchema,
  connection: nameSchema.default(EMBEDDED_CONNECTION),
});
/** As it is run, all defaults filled in. */
export type ExtractRequest = z.infer<typeof extractRequestSchema>;
/** As it is written. */
export type ExtractRequestInput = z.input<typeof extractRequestSchema>;

/** What an occurrence fills into the name of its sink. */
const PLACEHOLDERS = /\{(?:date|instant)\}/g;

/**
 * The extract of a schedule: its sink may have `{date}`, the day of the occurrence in the schedule's
 * time zone as 2026-11-21, and `{instant}`, its nominal time in UTC as 20261121T013000Z.
 */
export const scheduledExtractSchema = extractRequestSchema.extend({
  to: rootedSink.refine(
    (name) => !/[{}]/.test(name.replace(PLACEHOLDERS, '')),
    'has { or } other than in {date} and {instant}',
  ),
});
export type ScheduledExtract = z.infer<typeof scheduledExtractSchema>;
