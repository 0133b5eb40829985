/** A small deterministic generator (mulberry32): the same seed gives the same file everywhere. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.below(values.length)] ?? values[0];
  }
}

export interface CsvColumn {
  readonly name: string;
  readonly sqlType: string;
  /** One field exactly as it stands in the file: quoted when it must be. */
  readonly field: (random: SeededRandom) => string;
}

export type CsvShape = 'narrow' | 'mixed' | 'wide';

/** The columns after `rid`, in file order. */
export const CSV_SHAPES: Readonly<Record<CsvShape, readonly CsvColumn[]>> = {
  narrow: [
    column('account', 'integer', integer),
    column('amount', 'numeric(12,2)', decimal),
    column('active', 'boolean', flag),
  ],
  mixed: [
    column('account', 'integer', integer),
    column('balance', 'bigint', bigInteger),
    column('amount', 'numeric(12,2)', decimal),
    column('ratio', 'double precision', float),
    column('active', 'boolean', flag),
    column('booked_on', 'date', date),
    column('changed_at', 'timestamp', timestamp),
    column('item', 'uuid', uuid),
    column('code', 'text', emptyOrCode),
    column('note', 'text', text),
  ],
  wide: Array.from({ length: 40 }, (_, index) => wideColumn(index)),
};

/** Quotes only where RFC 4180 asks for it, as exports do. */
function csvField(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function column(name: string, sqlType: string, field: CsvColumn['field']): CsvColumn {
  return { name, sqlType, field };
}

function wideColumn(index: number): CsvColumn {
  const kinds = [
    column('n', 'integer', integer),
    column('d', 'numeric(12,2)', decimal),
    column('t', 'text', text),
    column('on', 'date', date),
    column('c', 'text', emptyOrCode),
  ] as const;
  const kind = kinds[index % kinds.length] ?? kinds[0];
  return { ...kind, name: `${kind.name}_${String(index + 1).padStart(2, '0')}` };
}

function integer(random: SeededRandom): string {
  // One field in sixteen is an unquoted empty one: NULL.
  return random.below(16) === 0 ? '' : String(random.below(2 ** 32) - 2 ** 31);
}

function bigInteger(random: SeededRandom): string {
  return `${random.pick(['', '-'])}${1 + random.below(9_000_000)}${padded(random.below(1e9), 9)}`;
}

function decimal(random: SeededRandom): string {
  return `${random.pick(['', '-'])}${random.below(1e7)}.${padded(random.below(100), 2)}`;
}

function float(random: SeededRandom): string {
  return String((random.below(2 ** 31) - 2 ** 30) / 1024);
}

function flag(random: SeededRandom): string {
  return random.pick(['t', 'f']);
}

function date(random: SeededRandom): string {
  const year = 1970 + random.below(80);
  return `${year}-${padded(1 + random.below(12), 2)}-${padded(1 + random.below(28), 2)}`;
}

function timestamp(random: SeededRandom): string {
  const time = [24, 60, 60].map((limit) => padded(random.below(limit), 2)).join(':');
  // The server prints no trailing zeros; a last digit other than 0 keeps the text canonical.
  return `${date(random)} ${time}.${padded(random.below(1e5), 5)}${1 + random.below(9)}`;
}

function uuid(random: SeededRandom): string {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.below(16).toString(16)).join('');
  return [hex(8), hex(4), hex(4), hex(4), hex(12)].join('-');
}

/** The pair that loaders confuse: an unquoted empty field is NULL, a quoted one is ''. */
function emptyOrCode(random: SeededRandom): string {
  return random.pick(['', '""', `K${padded(random.below(10_000), 4)}`]);
}

const WORDS = [
  'grain',
  'silver lining',
  'Köln',
  'naïve café',
  '東京',
  '🚀 launch',
  'a, b; c',
  'he said "no"',
  '"',
  'first\nsecond',
  'win\r\nline',
  'tab\there',
  'back\\slash',
  '\\N',
  ' spaces ',
  "it's",
] as const;

function text(random: SeededRandom): string {
  const words = Array.from({ length: 1 + random.below(4) }, () => random.pick(WORDS));
  return csvField(words.join(' '));
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
