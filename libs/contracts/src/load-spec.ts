import { z } from 'zod';

import { columnMappingSchema, storable } from './column-mapping.ts';

/** 64 MiB: far above any sane record, far below what an unclosed quote would take. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/** 1 TiB: more than a load takes in a day. */
const MAX_UNPACKED_BYTES = 2 ** 40;
/** Files of records shrink to a tenth, at most to a hundredth; zeros, to a thousandth with gzip. */
const MAX_UNPACK_RATIO = 500;

/** `100` records, or `0.5%` of all records. */
export const rejectLimitSchema = z.union([
  z.int().nonnegative(),
  z
    .string()
    .regex(/^(100|\d{1,2}(\.\d{1,6})?)%$/, 'is a whole number or a percentage such as 0.5%'),
]);
export type RejectLimit = z.infer<typeof rejectLimitSchema>;

/** How a CSV file is written. */
export const csvDialectSchema = z.strictObject({
  /** One ASCII character; with others or several of them the tolerant lane reads the file. */
  delimiter: z.string().default(','),
  /** One ASCII character. */
  quote: z.string().default('"'),
  /** One ASCII character; without it quotes are doubled. */
  escape: z.string().optional(),
  /** An unquoted field of exactly this text is NULL. */
  null: storable.default(''),
  /** Whether the first record names the columns. */
  header: z.boolean().default(true),
  /** Physical lines before the header (or before the first record). */
  skipLines: z.int().nonnegative().default(0),
  /** Physical lines at the end of the file that are not read. */
  skipFooter: z.int().nonnegative().default(0),
  /** A line that begins with this text is nothing. */
  comment: z.string().min(1).optional(),
  /** A quote where none may stand belongs to the value, instead of being an error. */
  relaxedQuotes: z.boolean().default(false),
  /** Default: that of a byte order mark, else UTF-8. */
  encoding: z.enum(['utf-8', 'utf-16le', 'utf-16be', 'latin-1', 'cp1252']).optional(),
  /** Blank lines are nothing, rather than records with one empty field. */
  skipBlankLines: z.boolean().default(false),
  /** Blanks and tabs around values that do not belong to them: of unquoted fields, or of all. */
  trim: z.enum(['none', 'unquoted', 'all']).default('none'),
});
export type CsvDialect = z.infer<typeof csvDialectSchema>;

/** What is done with what a Parquet file has and a table has not. */
export const parquetOptionsSchema = z.strictObject({
  /** Lists, maps and structs: an error that names the column, or JSON documents. */
  nested: z.enum(['refuse', 'json']).default('refuse'),
  /** Times finer than the microseconds of PostgreSQL: an error where digits would be lost, or cut off. */
  nanoseconds: z.enum(['refuse', 'truncate']).default('refuse'),
});
export type ParquetOptions = z.infer<typeof parquetOptionsSchema>;

/** What a load is: everything that a user decides about it. */
export const loadSpecSchema = z.strictObject({
  /** A local file. */
  source: z.strictObject({
    path: z.string().min(1),
    /** What reports and errors call it. Default: the path. */
    name: z.string().min(1).optional(),
    /** A folder that the file must really lie in, links followed. */
    within: z.string().min(1).optional(),
  }),
  /** `table` or `schema.table`, with SQL's rules: unquoted names fold to lower case. */
  into: storable.min(1),
  /** Default: Parquet or JSON Lines where the first bytes or the name say so, else CSV. */
  format: z.enum(['csv', 'jsonl', 'parquet']).optional(),
  parquet: parquetOptionsSchema.default(parquetOptionsSchema.parse({})),
  dialect: csvDialectSchema.default(csvDialectSchema.parse({})),
  /** How the records reach the server. Default: the fastest lane that can take them. */
  lane: z.enum(['binary', 'text', 'byte', 'tolerant']).optional(),
  /** Columns for the fields by position; without it the header's names decide. */
  columns: z.array(storable.min(1)).min(1).optional(),
  mapping: columnMappingSchema.default(columnMappingSchema.parse({})),
  /** Create the table from the data when it does not exist. */
  create: z.boolean().default(false),
  /** A source of zero bytes is a load of zero rows instead of an error. */
  allowEmpty: z.boolean().default(false),
  /** `none` gives the exactly-once promise up. */
  ledger: z.enum(['target', 'none']).default('target'),
  /** Schema of the ledger in the target database. */
  ledgerSchema: z.string().min(1).default('copyline'),
  /** The same content may be loaded once for each slot. */
  slot: storable.default(''),
  /** Load again although the ledger knows the content; recorded. */
  force: z.boolean().default(false),
  /** A file that was written to less than so many milliseconds ago may not be complete: it is refused. */
  settleMs: z.int().nonnegative().default(0),
  /** A suffix such as `.done`: a file is complete when one of its name with this suffix lies beside it. */
  doneMarker: z
    .string()
    .regex(/^[^/\\\0]+$/, 'is a suffix such as .done')
    .optional(),
  /** What a packed file may be unpacked; a limit for archives that are made to do harm. */
  maxUnpackedBytes: z.int().positive().default(MAX_UNPACKED_BYTES),
  /** Unpacked bytes for each byte of a packed file, from 64 MiB on. */
  maxUnpackRatio: z.number().min(1).default(MAX_UNPACK_RATIO),
  maxRecordBytes: z.int().positive().default(MAX_RECORD_BYTES),
  /** What a record that is refused does: end the load, or be kept as a reject while the load goes on. */
  onError: z.enum(['abort', 'continue']).default('abort'),
  /** So many rejects are allowed, or such a share of the records; one more ends the load. */
  rejectLimit: rejectLimitSchema.optional(),
  /** A file for the rejects, written after COMMIT; their reasons stand in `<file>.jsonl`. */
  rejectsFile: z.string().min(1).optional(),
});
/** A load as it is run, all defaults filled in. */
export type LoadSpec = z.infer<typeof loadSpecSchema>;
/** A load as it is written. */
export type LoadSpecInput = z.input<typeof loadSpecSchema>;
