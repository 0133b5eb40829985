import type { Chunk } from '../lanes/chunk.ts';
import type { LoadPlan } from '../plan/plan-load.ts';
import { fieldPlace } from './field-place.ts';
import type { Reject } from './reject.ts';

/** Why the server has refused a row. Without an error for each: what they cost would be felt. */
export type Refusal = Pick<Reject, 'code' | 'sqlstate' | 'reason'>;

/** What triggers raise, with codes of their own, is a violation like those of constraints. */
export function refusalOf(sqlstate: string, reason: string): Refusal {
  const code = sqlstate.startsWith('22') ? 'VALUE_REFUSED' : 'CONSTRAINT_VIOLATED';
  return { code, sqlstate, reason };
}

/** A row of a chunk that the server has refused, as the record that it is in the source. */
export function refusedRow(
  chunk: Chunk,
  row: number,
  refusal: Refusal,
  column: string | undefined,
  source: Pick<LoadPlan, 'scanner' | 'mapping'>,
): Reject {
  const { record, line, byteOffset, raw } = chunk.record(row);
  const place = fieldPlace(raw, source, column);
  return {
    ...refusal,
    record,
    line,
    column: place.column ?? null,
    byteOffset: byteOffset + place.byteOffset,
    excerpt: place.excerpt,
    raw,
    isWhole: true,
  };
}
