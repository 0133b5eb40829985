import { z } from 'zod';

import { loadSpecSchema } from './load-spec.ts';

/**
 * A file by name: a configured root and a path below it. Bare paths never travel through a queue:
 * what one machine may read or write is decided by the roots in its configuration.
 */
export const rootedNameSchema = (example: string): z.ZodString =>
  z
    .string()
    .max(1024)
    .regex(/^[a-z][a-z0-9_-]*:[^/]/, {
      error: `is written root:path, for example ${example}`,
      abort: true,
    })
    .refine(
      (name) => !/[\0\\\p{Cs}]/u.test(name),
      'has a NUL, a backslash or half a surrogate pair',
    )
    .refine(
      (name) => pathBelowRoot(name).every((part) => part !== '' && part !== '.' && part !== '..'),
      'has an empty part, “.” or “..” in its path',
    );

/** A source by name. */
export const sourceNameSchema = rootedNameSchema('inbox:orders.csv');

/** The name of a connection, a root or a schedule. */
export const nameSchema = z
  .string()
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'begins with a letter; then letters, digits, - and _');

/** The connection that needs no configuration. */
export const EMBEDDED_CONNECTION = 'embedded';

/**
 * A load as it is submitted: like a load on the command line, but source and target are names, which
 * each worker looks up in its own configuration. It never holds a secret.
 */
export const loadRequestSchema = loadSpecSchema
  .omit({ source: true, ledgerSchema: true, rejectsFile: true })
  .extend({
    source: sourceNameSchema,
    connection: nameSchema.default(EMBEDDED_CONNECTION),
  });
/** As it is run, all defaults filled in. */
export type LoadRequest = z.infer<typeof loadRequestSchema>;
/** As it is written. */
export type LoadRequestInput = z.input<typeof loadRequestSchema>;

/** `inbox:2026/orders.csv` → `inbox` and its path. */
export function parseRootedName(name: string): { readonly root: string; readonly path: string } {
  const colon = name.indexOf(':');
  return { root: name.slice(0, colon), path: name.slice(colon + 1) };
}

function pathBelowRoot(name: string): string[] {
  return parseRootedName(name).path.split('/');
}
