import type { Choices } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

const LETTERS = [
  'a',
  'B',
  ' ',
  '0',
  '"',
  '\\',
  '\t',
  '\n',
  'ä',
  'ß',
  '€',
  '\u0301',
  '漢',
  '😀',
  '\u2028',
];

function anyText(c: Choices, least: number, most: number): string {
  const length = c.integer(least, most);
  return Array.from({ length }, () => c.pick(LETTERS)).join('');
}

/** A text of at most so many characters, spaces beyond them included. */
function limited(sql: string, limit: number): TypeCase {
  return {
    sql,
    canonical: (c) =>
      c.chance(0.3)
        ? `${anyText(c, limit, limit)}${' '.repeat(c.integer(0, 40))}`
        : anyText(c, 0, limit),
    wrong: (c) => `${anyText(c, limit, limit)}${c.pick(['', ' ', '   '])}x${c.pick(['', ' '])}`,
    values: [
      '',
      ' '.repeat(limit),
      ' '.repeat(limit + 40),
      '😀'.repeat(limit),
      'ä'.repeat(limit + 1),
    ],
    none: { asked: 'it has no other spelling' },
  };
}

/** Lengths around those at which the code takes another way. */
const LENGTHS = [
  0, 1, 2, 30, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 257, 8191, 8192, 100_000,
];

export const TEXT_CASES: readonly TypeCase[] = [
  ...['text', 'varchar', 'bpchar'].map((sql): TypeCase => ({
    sql,
    canonical: (c) => anyText(c, 0, c.pick([5, 40, 300])),
    values: LENGTHS.flatMap((length) => ['x'.repeat(length), 'ä'.repeat(length)]),
    none: { asked: 'any text is a value', refused: 'any text is a value' },
  })),
  limited('varchar(5)', 5),
  limited('varchar(40)', 40),
  limited('char(1)', 1),
  limited('char(7)', 7),
  {
    sql: 'name',
    canonical: (c) => anyText(c, 0, 15),
    unusual: (c) => anyText(c, 64, 200),
    none: { refused: 'any text is a value, or cut' },
  },
];
