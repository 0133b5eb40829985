import type { Choices } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

function integerCase(sql: string, bits: number): TypeCase {
  const most = 2n ** BigInt(bits - 1);
  const longest = String(most).length;
  const near = Array.from({ length: 13 }, (_, i) => BigInt(i - 6));
  const edges = [
    ...[0n, most, -most, most * 2n, 10n ** 15n, -(10n ** 15n), 10n ** 16n, 2n ** 32n, -(2n ** 32n)],
    ...[most / 10n, 10n ** 9n, 2n ** 53n, -(2n ** 53n), 10n ** BigInt(longest)],
  ];
  const canonical = (c: Choices): string => {
    const text = `${c.sign()}${String(c.integer(1, 9))}${c.digits(c.integer(0, longest - 2))}`;
    return c.chance(0.05) ? `${c.sign()}${c.digits(c.integer(1, longest - 1))}` : text;
  };
  return {
    sql,
    canonical,
    unusual: (c) =>
      c.either(
        () => `+${canonical(c).replace('-', '')}`,
        () => `${c.pick([' ', '\t', '  ', '\n', '\v'])}${canonical(c)}${c.pick(['', ' '])}`,
        () => `${canonical(c)}${c.pick([' ', '\f', '\r'])}`,
        () => `${c.sign()}${'0'.repeat(30)}${c.digits(longest - 1)}`,
      ),
    wrong: (c) =>
      c.either(
        () => `${c.sign()}${String(c.integer(1, 9))}${c.digits(longest + c.integer(0, 2))}`,
        () => `${canonical(c)}.${c.digits(2)}`,
        () => `${canonical(c)}e${c.digits(1)}`,
        () => `0${c.pick(['x', 'o', 'b', 'X'])}${c.digits(c.integer(1, longest))}`,
        () => `${canonical(c)}${c.pick(['_', '__'])}${c.digits(3)}`,
        () => `${canonical(c)}${c.digits(c.integer(0, 4))}${c.pick(['a', ' x', '-', 'ä', ' 1'])}`,
      ),
    values: [
      ...edges.flatMap((edge) => near.map((n) => String(edge + n))),
      ...edges.flatMap((edge) => near.map((n) => `${String(edge + n)}abc`)),
      ...edges.flatMap((edge) => near.map((n) => ` ${String(edge + n)} `)),
    ],
  };
}

export const NUMBER_CASES: readonly TypeCase[] = [
  {
    sql: 'boolean',
    canonical: (c) => c.pick(['t', 'f', 'true', 'false', '1', '0', 'yes', 'NO', 'On', 'off', 'FA']),
    unusual: (c) =>
      `${c.pick([' ', '\t', ''])}${c.pick(['t', 'false', '1', 'YES'])}${c.pick([' ', '\n', '\r'])}`,
    values: [
      'of',
      'o',
      'O',
      'n',
      'N',
      'y',
      'Y',
      'tR',
      'fals',
      'falsee',
      '01',
      '2',
      '-1',
      'ſ',
      'tſ',
    ],
  },
  integerCase('int2', 16),
  integerCase('int4', 32),
  integerCase('int8', 64),
];
