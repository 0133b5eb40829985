import { quoteIdentifier } from '@copyline/dws-client';

import type { ExtractColumn } from './extract-facts.ts';

/**
 * What makes a spreadsheet take a value for a formula, full-width forms included. Source: OWASP,
 * "CSV Injection".
 */
const TRIGGERS = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/** pg_type.typcategory of types whose text a user decides: strings, enums, and the unknown rest. */
const FREE_TEXT = new Set(['S', 'E', 'U', 'X']);

/**
 * The same SELECT with an apostrophe before every text that a spreadsheet would run as a formula.
 * Numbers are left alone: a spreadsheet reads `-1` as what it is.
 */
export function guardFormulas(select: string, columns: readonly ExtractColumn[]): string {
  // Names may occur twice; positions do not.
  const positions = columns.map((_, i) => `c${String(i + 1)}`);
  const expressions = columns.map(({ name, category }, i) => {
    const position = positions[i] ?? '';
    const expression = FREE_TEXT.has(category) ? guarded(position) : position;
    return `${expression} AS ${quoteIdentifier(guardedName(name))}`;
  });
  return `SELECT ${expressions.join(', ')} FROM (\n${select}\n) AS extract (${positions.join(', ')})`;
}

export function guardedName(name: string): string {
  return TRIGGERS.some((trigger) => name.startsWith(trigger)) ? `'${name}` : name;
}

/** `concat` gives what the type's output function does; a cast would trim `char(n)`. */
function guarded(column: string): string {
  const triggers = TRIGGERS.map((trigger) => `chr(${String(trigger.codePointAt(0))})`).join(', ');
  return `CASE WHEN ${column} IS NULL THEN NULL
               WHEN left(concat(${column}), 1) IN (${triggers}) THEN concat('''', ${column})
               ELSE concat(${column}) END`;
}
