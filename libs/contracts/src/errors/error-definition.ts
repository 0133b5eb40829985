/**
 * What a repetition of the same work can achieve.
 *
 * - `never`: the same input fails again; something must be changed first.
 * - `retry`: a passing fault; the whole unit of work may be repeated.
 * - `busy`: somebody else holds the work; ask again later.
 * - `resolve`: the outcome is unknown; find out before anything is repeated.
 */
export type RetryClass = 'never' | 'retry' | 'busy' | 'resolve';

/** What the table says of a code. */
export interface ErrorDefinition {
  readonly retry: RetryClass;
  /** One sentence: what the code means. */
  readonly meaning: string;
  /** One sentence: what the reader does next. */
  readonly advice: string;
}

/** A part of the table, its codes kept as types. */
export const define = <const Table extends Record<string, ErrorDefinition>>(table: Table): Table =>
  table;
