import { expect, it } from 'vitest';

import { parseTableName } from './table-name.ts';

it.each([
  ['orders', undefined, 'orders'],
  ['Sales.ORDERS', 'sales', 'orders'],
  ['"Sales"."Or.d""ers"', 'Sales', 'Or.d"ers'],
  ['sales."with space"', 'sales', 'with space'],
  ['"new\nline"', undefined, 'new\nline'],
  // As in a database of UTF-8: only ASCII letters fold.
  ['ÄRGER', undefined, 'Ärger'],
  ['a;--', undefined, 'a;--'],
  [`x.${'a'.repeat(63)}`, 'x', 'a'.repeat(63)],
])('%j is a table', (text, schema, name) => {
  expect(parseTableName(text)).toEqual({ schema, name });
});

it.each([
  ...[
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a.b.c',
    'a b',
    '""',
    'a."',
    '"a"b',
    'a"b"',
    '"a',
    '"a\0"',
    ' a',
  ],
  'a'.repeat(64),
  'ä'.repeat(32),
  `"${'ä'.repeat(32)}"`,
])('%j is none', (text) => {
  expect(() => parseTableName(text)).toThrow('The name of the target table is not valid');
});
