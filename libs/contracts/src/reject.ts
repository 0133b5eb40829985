import { z } from 'zod';

import { ERRORS, type ErrorCode } from './errors.ts';

const count = z.int().nonnegative();
const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** A record that was refused while the load went on: where it stands, and why. */
export const rejectSchema = z.strictObject({
  /** Data record, from 1, the header not counted. */
  record: count,
  /** Physical line on which the record starts, from 1; 0 in a Parquet file, which has none. */
  line: count,
  column: z.string().nullable(),
  /** Of the offending byte, or of the record where that is not known. */
  byteOffset: count.nullable(),
  code: z.enum(codes),
  sqlstate: z.string().nullable(),
  reason: z.string(),
  /** At most 80 characters of the value or the record. */
  excerpt: z.string().nullable(),
});
export type RejectReport = z.infer<typeof rejectSchema>;
