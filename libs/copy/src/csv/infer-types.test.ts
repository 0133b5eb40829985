import { describe, expect, it } from 'vitest';

import { typeOf, widen, type ColumnType } from './column-types.ts';

/** Spellings by the type that gives them back; what no type gives back is text. */
const SPELLINGS: Record<ColumnType, readonly string[]> = {
  bigint: ['0', '-1', '42', '9223372036854775807', '-9223372036854775808'],
  numeric: ['1.5', '-0.10', '0.00', '9223372036854775808', '-9223372036854775809', '9'.repeat(100)],
  boolean: ['true', 'false'],
  date: ['2024-02-29', '0001-01-01', '2000-02-29', '9999-12-31', '0004-02-29'],
  timestamp: ['2024-01-01 10:00', '2024-01-01T10:00:00', '2024-01-01 23:59:59.123456'],
  timestamptz: ['2024-01-01 10:00Z', '2024-01-01T10:00:00.5+05:30', '2024-01-01 10:00-03'],
  uuid: ['0d3f9a1e-5b7c-4d2e-8f90-123456789abc', 'ad3f9a1e-5b7c-4d2e-8f90-123456789abc'],
  text: [
    ...['', ' 1', '1 ', '01', '+5', '-0', '-0.00', '.5', '5.', '1e3', '0x10', '1_000', '1,5', '١٢'],
    ...['NaN', 'Infinity', '-', '--1', '9'.repeat(101), `0.${'1'.repeat(101)}`, '1\n'],
    ...['TRUE', 't', 'yes', 'null', '2023-02-29', '1900-02-29', '0000-01-01', '31/12/2023'],
    ...['2024-1-1', '99999-01-01', '2024-01-01 24:00', '2024-01-01 10:00:60', '2024-01-01 10'],
    ...['2024-01-01 10:00:00.1234567', '2024-01-01 10:00+15', '2024-01-01 10:00 CET', 'now'],
    ...['2023-02-29 10:00', '0D3F9A1E-5B7C-4D2E-8F90-123456789ABC', '{0d3f9a1e}'],
  ],
};

describe('the type of a spelling', () => {
  for (const [type, spellings] of Object.entries(SPELLINGS)) {
    it.each(spellings)(`${type}: %j`, (text) => {
      expect(typeOf(text)).toBe(type);
    });
  }
});

describe('the type of a column', () => {
  const types = Object.keys(SPELLINGS) as ColumnType[];

  it('is text where values of two types meet, unless both are numbers', () => {
    for (const a of types) {
      expect(widen(undefined, a)).toBe(a);
      for (const b of types) {
        const isNumber = [a, b].every((type) => type === 'bigint' || type === 'numeric');
        expect(widen(a, b), `${a} and ${b}`).toBe(a === b ? a : isNumber ? 'numeric' : 'text');
      }
    }
  });
});
