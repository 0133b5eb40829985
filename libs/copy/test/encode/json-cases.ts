import type { Choices } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

const BLANKS = ['', '', '', ' ', '\n', '\t', '\r\n', '  '];
const PIECES = [
  ...['a', 'Z', ' ', '/', 'ä', '€', '😀', '\u2028', '\u007f', "'", '{', ']', ':', ',', '0'],
  ...['\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t', '\\u0041', '\\u00e4', '\\uFFFD'],
];

function string(c: Choices): string {
  const length = c.integer(0, c.pick([3, 8, 40]));
  return `"${Array.from({ length }, () => c.pick(PIECES)).join('')}"`;
}

function number(c: Choices): string {
  const integer = c.chance(0.3) ? '0' : `${c.integer(1, 9)}${c.digits(c.integer(0, 20))}`;
  const fraction = c.chance(0.4) ? `.${c.digits(c.integer(1, 20))}` : '';
  const exponent = c.chance(0.2)
    ? `${c.pick(['e', 'E'])}${c.pick(['', '+', '-'])}${c.digits(2)}`
    : '';
  return `${c.sign()}${integer}${fraction}${exponent}`;
}

function json(c: Choices, depth = 0): string {
  const blank = (): string => c.pick(BLANKS);
  const many = (make: () => string): string =>
    Array.from({ length: c.integer(0, 4) }, () => `${blank()}${make()}${blank()}`).join(',');
  const scalars = [
    (): string => string(c),
    (): string => number(c),
    (): string => c.pick(['true', 'false', 'null']),
  ];
  const containers = [
    (): string => `[${blank()}${many(() => json(c, depth + 1))}]`,
    (): string =>
      `{${many(() => `${string(c)}${blank()}:${blank()}${json(c, depth + 1)}`)}${blank()}}`,
  ];
  const isDeep = depth >= 4 || (depth > 0 && c.chance(0.5));
  return c.either(...(isDeep ? scalars : containers), ...(depth === 0 ? scalars : []));
}

/** A value with something inside that only the server can judge. */
const uncertain = (c: Choices): string =>
  c.either(
    () => `[${json(c)}, "\\ud83d\\ude00"]`,
    () => `{"${c.pick(['\\uD83D\\uDE00', '\\ud800\\udc00'])}": ${json(c)}}`,
    () => `[1e${c.integer(100, 4000)}, ${json(c)}]`,
    () => `${c.sign()}${c.integer(1, 9)}${c.digits(1100)}`,
    () => deep(c),
  );

const deep = (c: Choices): string => {
  const levels = c.integer(101, 300);
  return `${'['.repeat(levels)}${json(c)}${']'.repeat(levels)}`;
};

const wrong = (c: Choices): string =>
  c.either(
    () => `${json(c)}${c.pick([',', ']', '}', 'x', '1', '"', ' null', '\v', '\u00a0'])}`,
    () => `[${json(c)}${c.pick([',', '', ':', ' ', '}'])}`,
    () => `{${string(c)}${c.pick([':', ',', '', '::', ': ,'])}}`,
    () => `{${string(c)}:${json(c)}${c.pick([',', ''])}`,
    () =>
      c.pick(['01', '-', '1.', '.5', '+1', '1e', '1e+', '0x1', '-01', '1.e5', 'NaN', 'Infinity']),
    () =>
      `"${c.pick(['\t', '\n', '\x01', '\\x', '\\u12', '\\u12g4', '\\', '\\U0041', '\\a'])}${string(c)}`,
    () =>
      c.pick([
        'nul',
        'True',
        'tru',
        'falsey',
        'nulll',
        'undefined',
        "'a'",
        '{a:1}',
        '[1 2]',
        '// c',
      ]),
  );

const VALUES = [
  ...[
    '""',
    '{}',
    '[]',
    '[[]]',
    '[{}]',
    '{"":[]}',
    ' 1 ',
    '\n',
    '[1,]',
    '{"a":1,}',
    '{"a":1 "b":2}',
  ],
  ...['"\\u0000"', '["\\u0000"', '{"a" "\\u0000"}', '"\\\\u0000"', '"\\ud800"', '"\\udc00\\ud800"'],
  ...[
    '"\\ud83d\\ude00"',
    '"\\ud83dx"',
    '"\\ud83d\\u0041"',
    '"\\uD83D"',
    '1e400',
    '1e-400',
    '1e131072',
  ],
  ...['[1e200000]', '1e99999999999', '-0', '-0.0', '0e0', '1E+2', '1.0', '100.00', '{"a":1,"a":2}'],
  ...['[', ']', '{', '}', '"', ':', ',', '\ufeff1', '1\u00a0', '"\u007f"', '"\u0080"', '[1}', '{]'],
  ...[
    `${'['.repeat(100)}${']'.repeat(100)}`,
    `${'['.repeat(101)}${']'.repeat(101)}`,
    '['.repeat(99),
  ],
  ...[`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, `"${'x'.repeat(100_000)}"`, '1'.repeat(1000)],
  ...[
    `[${'1,'.repeat(20_000)}1]`,
    `0.${'1'.repeat(997)}`,
    '1'.repeat(1001),
    `[${'"ä",'.repeat(999)}0]`,
  ],
];

export const JSON_CASES: readonly TypeCase[] = [
  { sql: 'json', canonical: json, unusual: deep, wrong, values: VALUES },
  { sql: 'jsonb', canonical: json, unusual: uncertain, wrong, values: VALUES },
];
