import { z } from 'zod';

/** What no database stores as text: NUL, and half of a character beyond 16 bits. */
const storable = z
  .string()
  .min(1)
  .refine((text) => !/[\0\p{Cs}]/u.test(text), 'has a NUL or half a surrogate pair');

/** How the CSV of an extract is written. */
export const csvOutputSchema = z.strictObject({
  /** One ASCII character. */
  delimiter: z.string().default(','),
  /** One ASCII character. */
  quote: z.string().default('"'),
  /** One ASCII character; without it quotes are doubled. */
  escape: z.string().optional(),
  /** What stands for NULL, never quoted. The same text as a value is quoted. */
  null: z.string().default(''),
  /** Whether every file begins with the names of the columns. */
  header: z.boolean().default(true),
  /** `needed` quotes what could be misread, `all` every value that is not NULL. */
  quoting: z.enum(['needed', 'all']).default('needed'),
  /**
   * Puts an apostrophe before text that a spreadsheet would run as a formula. Such values are no
   * longer what the database has: the one option that alters data.
   */
  excelSafe: z.boolean().default(false),
});
export type CsvOutput = z.infer<typeof csvOutputSchema>;

const tableSourceSchema = z.strictObject({
  /** `table` or `schema.table`, with SQL's rules. A view is one, too. */
  table: storable,
  /** Default: all, in the table's order. */
  columns: z.array(storable).min(1).optional(),
  /** A condition in SQL; default: every row. */
  where: storable.optional(),
});
const querySourceSchema = z.strictObject({
  /** One statement that reads: SELECT, VALUES, TABLE or WITH. */
  query: storable,
});

/** What an extract is: everything that a user decides about it. */
export const extractSpecSchema = z.strictObject({
  from: z.union([tableSourceSchema, querySourceSchema], {
    error: 'is {table, columns, where} or {query}',
  }),
  /** A local file, or whatever reads the standard output: that cannot be taken back. */
  to: z.union([
    z.literal('stdout'),
    z.strictObject({
      path: storable,
      /** What reports call it. Default: the path. */
      name: storable.optional(),
      /** A folder that the file must really lie in, links followed. */
      within: storable.optional(),
    }),
  ]),
  /** Default: parquet for a path that ends in `.parquet`, else csv. */
  format: z.enum(['csv', 'parquet']).optional(),
  /** Only of CSV; without it, all its defaults. */
  csv: csvOutputSchema.optional(),
  /**
   * Of CSV none or gzip, by default gzip for a path that ends in `.gz`; of Parquet none, zstd or, by
   * default, snappy.
   */
  compression: z.enum(['none', 'gzip', 'snappy', 'zstd']).optional(),
  /** Replace files of the same names. */
  overwrite: z.boolean().default(false),
  /** Rows of a file, the header not counted; then the next one begins. */
  rowsPerFile: z.int().positive().optional(),
  /** Bytes of a file, as the server sends them; only a single row can be more. */
  bytesPerFile: z.int().positive().optional(),
  /** Schemas that names in a query or a condition are looked up in. Default: the session's. */
  searchPath: z.array(storable).optional(),
  /** Milliseconds of the server for one statement. Default: the role's. */
  statementTimeoutMs: z.int().positive().max(2_147_483_647).optional(),
  /** Milliseconds from the start to the last row. Default: no limit. */
  maxDurationMs: z.int().positive().max(2_147_483_647).optional(),
});
/** An extract as it is run, all defaults filled in. */
export type ExtractSpec = z.infer<typeof extractSpecSchema>;
/** An extract as it is written. */
export type ExtractSpecInput = z.input<typeof extractSpecSchema>;
