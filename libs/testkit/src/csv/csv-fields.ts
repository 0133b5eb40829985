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

/** Quotes only where RFC 4180 asks for it, as exports do. */
function csvField(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

export function integer(random: SeededRandom): string {
  // One field in sixteen is an unquoted empty one: NULL.
  return random.below(16) === 0 ? '' : String(random.below(2 ** 32) - 2 ** 31);
}

export function bigInteger(random: SeededRandom): string {
  return `${random.pick(['', '-'])}${1 + random.below(9_000_000)}${padded(random.below(1e9), 9)}`;
}

export function decimal(random: SeededRandom): string {
  return `${random.pick(['', '-'])}${random.below(1e7)}.${padded(random.below(100), 2)}`;
}

export function float(random: SeededRandom): string {
  return String((random.below(2 ** 31) - 2 ** 30) / 1024);
}

export function flag(random: SeededRandom): string {
  return random.pick(['t', 'f']);
}

export function date(random: SeededRandom): string {
  const year = 1970 + random.below(80);
  return `${year}-${padded(1 + random.below(12), 2)}-${padded(1 + random.below(28), 2)}`;
}

export function timestamp(random: SeededRandom): string {
  const time = [24, 60, 60].map((limit) => padded(random.below(limit), 2)).join(':');
  // The server prints no trailing zeros; a last digit other than 0 keeps the text canonical.
  return `${date(random)} ${time}.${padded(random.below(1e5), 5)}${1 + random.below(9)}`;
}

export function uuid(random: SeededRandom): string {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.below(16).toString(16)).join('');
  return [hex(8), hex(4), hex(4), hex(4), hex(12)].join('-');
}

/** The pair that loaders confuse: an unquoted empty field is NULL, a quoted one is ''. */
export function emptyOrCode(random: SeededRandom): string {
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

const PLAIN = [
  'furiously',
  'final',
  'deposits',
  'among',
  'the',
  'quickly',
  'regular',
  'accounts',
  'sleep',
  'above',
  'ironic',
  'packages',
  'nag',
  'slyly',
  'pending',
  'requests',
] as const;

export function text(random: SeededRandom): string {
  const words = Array.from({ length: 1 + random.below(4) }, () => random.pick(WORDS));
  return csvField(words.join(' '));
}

export function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** A whole number that a person would count: from 1 up to `most`. */
export function counted(most: number): (random: SeededRandom) => string {
  return (random) => String(1 + random.below(most));
}

/** An amount with two decimals below `limit`. */
export function amount(limit: number): (random: SeededRandom) => string {
  return (random) => `${random.below(limit)}.${padded(random.below(100), 2)}`;
}

/** A measured value with `decimals` digits after the point. */
export function measured(limit: number, decimals: number): (random: SeededRandom) => string {
  const scale = 10 ** decimals;
  return (random) => String((random.below(limit * scale) - (limit * scale) / 2) / scale);
}

export function oneOf(values: readonly [string, ...string[]]): (random: SeededRandom) => string {
  return (random) => csvField(random.pick(values));
}

/** Plain words without a character that CSV would quote. */
export function phrase(least: number, most: number): (random: SeededRandom) => string {
  return (random) =>
    Array.from({ length: least + random.below(most - least) }, () => random.pick(PLAIN)).join(' ');
}

/** Sentences with quotes, line ends, commas and letters beyond ASCII; one in `nulls` is NULL. */
export function prose(
  least: number,
  most: number,
  nulls: number,
): (random: SeededRandom) => string {
  return (random) => {
    if (random.below(nulls) === 0) return '';
    const count = least + random.below(most - least);
    // Mostly plain: what people write, not what a tester would.
    const words = Array.from({ length: count }, () =>
      random.below(6) === 0 ? random.pick(WORDS) : random.pick(PLAIN),
    );
    return csvField(words.join(' '));
  };
}
