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

function decimal(c: Choices, integerDigits: number, fractionDigits: number): string {
  const integer = c.chance(0.1)
    ? c.digits(integerDigits)
    : String(Number(c.digits(Math.min(integerDigits, 15))));
  const fraction = c.digits(c.integer(1, fractionDigits));
  if (integerDigits === 0) {
    return `${c.sign()}${c.pick(['0', ''])}.${'0'.repeat(c.integer(0, 4))}${fraction}`;
  }
  return c.either(
    () => `${c.sign()}${integer}`,
    () => `${c.sign()}${integer}.${fraction}`,
    () => `${c.sign()}0.${'0'.repeat(c.integer(0, 12))}${fraction}`,
    () => `${c.sign()}${integer}.${fraction}${'0'.repeat(c.integer(1, 9))}`,
    () => `${c.sign()}${integer}${'0'.repeat(c.integer(1, 9))}`,
    () => `.${fraction}`,
    () => `${integer}.`,
  );
}

const DECIMAL_VALUES = [
  ...[
    '0',
    '-0',
    '0.0',
    '-0.00',
    '00',
    '0000',
    '0.',
    '.0',
    '-.0',
    '1.10',
    '100000000',
    '10000',
    '9999',
  ],
  ...[
    '0.0001',
    '0.00001',
    '0.00010000',
    '1.0000',
    '12345.6789',
    '-12345.67890',
    '99999999',
    '0010.5',
  ],
  ...['9.995', '9.994', '99.99', '99.995', '999.99', '999.994', '999.995', '999.999', '-999.999'],
  ...[
    '1000',
    '999',
    '-999.99',
    '1000.00',
    '0.009999',
    '0.00999',
    '0.01',
    '0.0099999',
    '0.05',
    '5e-3',
  ],
  ...['99949', '99950', '99999', '100000', '9994999', '1'.repeat(999), '1'.repeat(1001)],
  ...[
    '9'.repeat(131_072),
    `0.${'0'.repeat(16_383)}1`,
    '1e131071',
    '1e131072',
    `${'1'.repeat(900)}x`,
  ],
  ...[`${'0'.repeat(60)}1.5`, `0.${'123456789'.repeat(40)}`, `${'123456789'.repeat(40)}.5`],
];

function unusualDecimal(plain: (c: Choices) => string): (c: Choices) => string {
  return (c) =>
    c.either(
      () => `${c.pick([' ', '\t', '\n'])}${plain(c)}${c.pick(['', ' '])}`,
      () => `+${plain(c).replace('-', '')}`,
      () => `${plain(c)} `,
      () => c.pick([' NaN', 'nan', 'NAN ', 'nAn']),
    );
}

function numericCase(sql: string, integerDigits: number, fractionDigits: number): TypeCase {
  const canonical = (c: Choices): string => decimal(c, integerDigits, fractionDigits);
  return {
    sql,
    canonical,
    unusual: (c) =>
      c.chance(0.4)
        ? `${c.sign()}${c.digits(1)}.${c.digits(2)}e${c.pick(['', '+', '-'])}${c.digits(1)}`
        : unusualDecimal(canonical)(c),
    wrong: (c) =>
      c.either(
        () => `${canonical(c)}${c.pick(['a', ',', ' 1', '.1.', '-', '%', ' €'])}`,
        () => `${c.pick(['$', 'x', '€', '--', '+-'])}${canonical(c)}`,
      ),
    values: DECIMAL_VALUES,
  };
}

function floatCase(sql: string, values: readonly string[], mostExponent: number): TypeCase {
  const asNumber = (c: Choices): number => {
    const bits = c.bytes(8);
    return sql === 'float4' ? bits.readFloatBE(0) : bits.readDoubleBE(0);
  };
  const canonical = (c: Choices): string =>
    c.either(
      () => decimal(c, 7, 8),
      () => decimal(c, 17, 12),
      () => String(asNumber(c)).replace('NaN', '1'),
      () => String(c.fraction() * 10 ** c.integer(-12, 12)),
      () => `${decimal(c, 5, 9)}${c.pick(['e', 'E'])}${c.pick(['', '-', '+'])}${c.digits(1)}`,
      () =>
        `${c.digits(1)}.${c.digits(c.integer(1, 30))}e${c.sign()}${c.integer(0, mostExponent - 2)}`,
    );
  return {
    sql,
    canonical,
    unusual: (c) =>
      c.chance(0.3)
        ? `0x${c.integer(1, 255).toString(16)}${c.pick(['', 'p2', '.8p-3'])}`
        : unusualDecimal(canonical)(c),
    wrong: (c) =>
      c.either(
        () => `${c.sign()}${c.integer(1, 9)}e${mostExponent + c.integer(1, 99)}`,
        () => `${c.sign()}${c.integer(1, 9)}e-${mostExponent + c.integer(20, 99)}`,
        () => `${decimal(c, 6, 6)}${c.pick(['a', ',', ' 1', '.1.', '-', '%'])}`,
      ),
    values: [...DECIMAL_VALUES, ...values],
  };
}

/** Where rounding goes through a double, or a number is at an end of its range. */
const FLOAT4_VALUES = [
  ...['16777217', '16777219', '16777217.0', '16777216.99999999', '16777217.00000001', '33554433'],
  ...['1.00000005960464477539062500', '1.00000005960464477539062501', '1.000000059604644775390624'],
  ...[
    '1.000000178813934326171875',
    '1.00000017881393432617187499',
    '0.50000002980232238769531250001',
  ],
  ...[
    '340282346638528859811704183484516925440',
    '3.4028235e38',
    '3.4028236e38',
    '3.40282356779733e38',
  ],
  ...[
    '340282356779733661637539395458142568447',
    '340282356779733661637539395458142568448',
    '3.5e38',
  ],
  ...[
    '1.17549435e-38',
    '1.17549429e-38',
    '1e-40',
    '1.4e-45',
    '7.0e-46',
    '7.1e-46',
    '1e-46',
    '-1e-50',
  ],
  ...['1e-400', '0e400', '0e-400', '-0e999', '0.000e99', '1e38', '1e39'],
];
const FLOAT8_VALUES = [
  ...['9007199254740992', '9007199254740993', '9007199254740995', '9007199254740993.0000000000001'],
  ...['1.7976931348623157e308', '1.7976931348623158e308', '1.7976931348623159e308', '1.8e308'],
  ...['2.2250738585072014e-308', '2.2250738585072011e-308', '2.225073858507201e-308', '5e-324'],
  ...['2.4e-324', '2.5e-324', '4.9e-324', '1e-320', '0.1', '0.2', '0.3', '123456789012345', '1e22'],
  ...['1e23', '8.5e22', '999999999999999e22', '1234567890123456', '0.1234567890123456', '1e-22'],
  ...['1e-23', '6.6e-23', '0e400', '-0e400', `1${'0'.repeat(308)}`, `1${'0'.repeat(309)}`],
  ...[`0.${'0'.repeat(310)}1`, `2.2250738585072014${'0'.repeat(700)}e-308`],
  ...[`9007199254740993.${'0'.repeat(780)}1`, `9007199254740992.${'9'.repeat(780)}`],
];

export const NUMBER_CASES: readonly TypeCase[] = [
  {
    sql: 'boolean',
    canonical: (c) => c.pick(['t', 'f', 'true', 'false', '1', '0', 'yes', 'NO', 'On', 'off', 'FA']),
    unusual: (c) =>
      `${c.pick([' ', '\t', ''])}${c.pick(['t', 'false', '1', 'YES'])}${c.pick([' ', '\n', '\r'])}`,
    none: { asked: 'its words are few, and white space around them is skipped' },
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
  floatCase('float4', FLOAT4_VALUES, 38),
  floatCase('float8', FLOAT8_VALUES, 308),
];

export const NUMERIC_CASES: readonly TypeCase[] = [
  numericCase('numeric', 30, 30),
  numericCase('numeric(10,2)', 9, 4),
  numericCase('numeric(5,2)', 4, 5),
  numericCase('numeric(4)', 5, 2),
  numericCase('numeric(5,5)', 0, 9),
  numericCase('numeric(3,5)', 0, 5),
  numericCase('numeric(3,-2)', 6, 2),
  numericCase('numeric(40,20)', 21, 25),
];
