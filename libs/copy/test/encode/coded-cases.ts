import type { Choices } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

const anyCase = (c: Choices, text: string): string => (c.chance(0.2) ? text.toUpperCase() : text);

function uuid(c: Choices): string {
  const hex = c.bytes(16).toString('hex');
  return anyCase(c, hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

function hex(c: Choices): string {
  return `\\x${anyCase(c, c.bytes(c.integer(0, c.pick([3, 20, 100]))).toString('hex'))}`;
}

const ESCAPED = ['\\\\', '\\000', '\\377', '\\101', '\\012', 'a', 'x', '0', ' ', '"', '\n', 'Z9'];
const escaped = (c: Choices): string =>
  Array.from({ length: c.integer(0, 12) }, () => c.pick(ESCAPED)).join('');

const LABELS = [
  'new',
  'paid',
  'in transit',
  'ä€😀',
  '',
  "it's",
  'NEW',
  'x'.repeat(63),
  'a\\b',
  '1',
];
const MOODS = Array.from({ length: 300 }, (_, i) => `mood ${i}`);
const enumType = (name: string, labels: readonly string[]): string =>
  `create type ${name} as enum (${labels.map((label) => `'${label.replaceAll("'", "''")}'`).join()})`;

export const CODED_CASES: readonly TypeCase[] = [
  {
    sql: 'uuid',
    canonical: uuid,
    unusual: (c) =>
      c.either(
        () => uuid(c).replaceAll('-', ''),
        () => `{${uuid(c)}}`,
        () =>
          uuid(c)
            .replaceAll('-', '')
            .replace(/.{4}(?!$)/g, '$&-'),
        () => `{${uuid(c).replace('-', '')}}`,
      ),
    wrong: (c) =>
      c.either(
        () => ` ${uuid(c)}`,
        () => uuid(c).slice(0, -1),
        () => `${uuid(c)}0`,
        () => uuid(c).replace(/[0-9a-f]/i, c.pick(['g', 'O', ' ', '-'])),
        () => `{${uuid(c)}`,
      ),
    values: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  },
  {
    sql: 'bytea',
    canonical: (c) => (c.chance(0.5) ? hex(c) : escaped(c)),
    unusual: (c) =>
      c.either(
        () => `\\x${c.pick([' ', '\n', '\t'])}${hex(c).slice(2)}`,
        () => `${hex(c)} `,
        () => `${escaped(c)}ä`,
        () => '\\x00 ff\r\n10',
      ),
    wrong: (c) =>
      c.either(
        () => `${hex(c)}${c.pick(['g', '0', '\\', '0x'])}${c.pick(['', '0', '00'])}`,
        () =>
          `${escaped(c)}\\${c.pick(['', '8', '400', '38', '18', 'x41', 'n', '1', '3', '77', '778'])}`,
      ),
    values: [
      ...[
        '\\x',
        '\\X41',
        '\\x4',
        '\\x4 1',
        '\\x 41',
        '\\xzz',
        '\\xéa',
        '\\',
        '\\\\',
        '\\\\\\',
        '\\12',
      ],
      ...['\\x4\\', '\\x' + 'ab'.repeat(10_000), 'a'.repeat(10_000), 'ä'.repeat(100), '\\x٤١'],
    ],
  },
  {
    sql: 'state_of_order',
    setUp: enumType('state_of_order', LABELS),
    canonical: (c) => c.pick(LABELS),
    wrong: (c) =>
      c.either(
        () => `${c.pick(LABELS)} `,
        () => c.pick(LABELS).toUpperCase() + c.digits(1),
        () => Array.from(c.pick(LABELS)).slice(0, -1).join('') + c.pick(['q', 'Ä']),
        () => 'x'.repeat(c.integer(64, 300)),
      ),
    none: { asked: 'a label has one spelling' },
  },
  {
    sql: 'mood_of_many',
    setUp: enumType('mood_of_many', MOODS),
    canonical: (c) => c.pick(MOODS),
    wrong: (c) => `mood ${c.integer(300, 9999)}`,
    none: { asked: 'a label has one spelling' },
  },
];
