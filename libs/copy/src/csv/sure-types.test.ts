import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { typeOf, widen, type ColumnType } from './column-types.ts';
import { surelyIs } from './sure-types.ts';

const TYPES: readonly ColumnType[] = ['bigint', 'numeric', 'date', 'timestamp', 'uuid', 'text'];

describe('a field that surely is of a type', () => {
  it('is of that type for the one who looks closer, too', () => {
    const spelling = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789-.+e '.split('')), maxLength: 22 }),
      fc.stringMatching(/^\d{4}-\d\d-\d\d$/),
      fc.bigInt().map(String),
    );
    fc.assert(
      fc.property(spelling, fc.constantFrom(...TYPES), (text, type) => {
        const bytes = Buffer.from(`x${text}y`);
        if (surelyIs(type, bytes, 1, bytes.length - 1)) {
          expect(widen(type, typeOf(text))).toBe(type);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it.each<[ColumnType, string]>([
    ['bigint', '0'],
    ['bigint', '-1'],
    ['bigint', '999999999999999999'],
    ['numeric', '12'],
    ['numeric', '0.50'],
    ['numeric', '-12.5'],
    ['date', '2026-02-28'],
    ['date', '0001-12-01'],
  ])('%s: %s', (type, text) => {
    expect(surelyIs(type, Buffer.from(text), 0, text.length)).toBe(true);
  });
});
