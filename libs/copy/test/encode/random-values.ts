/** A seeded source of choices: the same seed gives the same values everywhere (mulberry32). */
export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** At least 0, below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)] as T;
  }

  /** Decimal digits, leading zeros included. */
  digits(count: number): string {
    let text = '';
    for (let i = 0; i < count; i += 1) text += String(this.integer(0, 9));
    return text;
  }

  sign(): string {
    return this.chance(0.4) ? '-' : '';
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.integer(0, 255)));
  }

  /** One of the kinds of a value, so that each of them comes up. */
  either(...makers: readonly (() => string)[]): string {
    return this.pick(makers)();
  }
}

/** Spaces and digits that only look like those of a number. */
const STRANGE = [
  ...['\u00a0', '\u2003', '\u0085', '\ufeff', '\u0661', '\u0662', '\uff11', '\u{1d7cf}', 'ä'],
  ...['\t', '\n', '\v', '\f', '\r', '\x01', '\x7f', ' ', '  '],
];

const PRINTABLE = Array.from(' +-.,:;/_eExXbBoOtTzZnNaAiIfF0123456789\\"\'{}[]()');

/** A value with one to three characters inserted, deleted, replaced or doubled. */
export function mutate(text: string, choices: Choices): string {
  const characters = Array.from(text);
  for (let left = choices.pick([1, 1, 1, 2, 3]); left > 0; left -= 1) {
    const at = choices.integer(0, characters.length);
    const some = choices.chance(0.15) ? choices.pick(STRANGE) : choices.pick(PRINTABLE);
    const last = characters[at] ?? '0';
    choices.pick([
      () => characters.splice(at, 0, some),
      () => characters.splice(at, 1),
      () => characters.splice(at, 1, some),
      () => characters.splice(at, 0, last),
    ])();
  }
  return characters.join('');
}

/** What is no value of most types, and often is meant to be one. */
export const NASTY = [
  ...['', ' ', '\t', '-', '+', '.', 'NULL', 'null', 'N/A', 'n/a', '#N/A', 'abc', 'foo bar', '\\N'],
  ...['nan', 'NaN', 'NAN', '-NaN', 'inf', 'Inf', '-inf', '+inf', 'infinity', 'Infinity'],
  ...['-infinity', '-Infinity', '+infinity', 'INFINITY', 'infinit', 'nan(1)', '1e400', '-1e400'],
  ...['1e-400', '1e5', '1E5', '1e+5', '1e', '1e 5', 'e5', '1e99999999999', '1,234', '1,5', ' 12 '],
  ...[
    '+5',
    '++5',
    '--5',
    '- 5',
    '0x1F',
    '0x',
    '-0x1F',
    '0o17',
    '0b11',
    '1_000',
    '1__0',
    '_1',
    '1_',
  ],
  ...[
    '0x1p3',
    '١٢',
    '１２',
    '12\u00a0',
    '\u00a012',
    '1.',
    '.1',
    '-.5',
    '..1',
    '1.2.3',
    '007',
    '-0',
  ],
  ...['$1.00', '1 000', '1-', '(1)', '12abc', '99999999999999999999abc', '0'.repeat(40) + '1'],
  ...['9'.repeat(30), '-' + '9'.repeat(30), '1' + '0'.repeat(400), '0.' + '0'.repeat(400) + '1'],
  ...['yes', 'no', 'on', 'off', 'o', 'TRUE', 'True', 'tRuE', 'tru', 'truee', ' true', 'f ', 'wahr'],
];
