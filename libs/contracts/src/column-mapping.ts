import { z } from 'zod';

/** What no database stores as text: NUL, and half of a character beyond 16 bits. */
export const storable = z
  .string()
  .refine((text) => !/[\0\p{Cs}]/u.test(text), 'has a NUL or half a surrogate pair');

const columnName = storable.min(1);

/** What a column gets that no field fills: a text, NULL, or what the load knows. */
export const setValueSchema = z.union([
  storable,
  z.null(),
  /** The name of the source, the number of the record from 1, or the id of the load. */
  z.strictObject({ from: z.enum(['file', 'record', 'loadId']) }),
]);
export type SetValue = z.infer<typeof setValueSchema>;

const mappingSchema = z.strictObject({
  /** The column for a field whose name in the header is another one; both exactly. */
  rename: z.record(z.string(), columnName).default({}),
  /** Fields that are not loaded, by their names in the header or in `columns`. */
  skip: z.array(z.string()).default([]),
  /** Columns that no field fills, and their values, which are judged like any others. */
  set: z.record(columnName, setValueSchema).default({}),
  /** For a column: the unquoted texts that are NULL, in the place of the dialect's. */
  nulls: z.record(columnName, z.array(storable).min(1)).default({}),
  /** For a column: which values blanks and tabs are dropped around, in the place of the dialect's. */
  trims: z.record(columnName, z.enum(['none', 'unquoted', 'all'])).default({}),
  /** What becomes of fields whose name no column has: an error, or they are not loaded. */
  extraColumns: z.enum(['refuse', 'skip']).default('refuse'),
  /** What becomes of columns that the file does not have: an error, or their default, else NULL. */
  missingColumns: z.enum(['refuse', 'default']).default('refuse'),
});

/** zod leaves out what is called so; a mapping must not lose a column without a word. */
const LOST_NAME = '__proto__';

/** Which fields go into which columns, and what else goes there. */
export const columnMappingSchema = z.preprocess(
  (mapping: z.input<typeof mappingSchema>, context) => {
    // What is no mapping at all is refused below.
    for (const [key, names] of Object.entries<unknown>({ ...mapping })) {
      if (typeof names !== 'object' || names === null || !Object.hasOwn(names, LOST_NAME)) continue;
      const message = `cannot tell anything of a column named ${LOST_NAME}`;
      context.addIssue({ code: 'custom', path: [key], message, input: names });
    }
    return mapping;
  },
  mappingSchema,
);
export type ColumnMappingSpec = z.infer<typeof columnMappingSchema>;
