import type { CsvDialect } from '@copyline/contracts';
import fc from 'fast-check';

/** A few hundred cases in `npm test`, the full count in `npm run soak`. */
export const RUNS = process.env['COPYLINE_SOAK'] === '1' ? 20_000 : 240;
/** The same for cases that are loaded, on each server. */
export const LOADS = RUNS / 3;

export interface Field {
  readonly text: string;
  readonly quoted: boolean;
}

export interface GeneratedCsv {
  readonly dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape' | 'null'>;
  readonly records: readonly (readonly Field[])[];
  readonly lineEnds: 'lf' | 'crlf' | 'mixed' | 'cr';
  /** The records as a file without header. */
  readonly text: string;
}

const DIALECTS: readonly GeneratedCsv['dialect'][] = [
  { delimiter: ',', quote: '"', escape: '"', null: '' },
  { delimiter: ',', quote: '"', escape: '"', null: 'NULL' },
  { delimiter: ',', quote: '"', escape: '\\', null: '\\N' },
  { delimiter: ';', quote: "'", escape: "'", null: '' },
  { delimiter: '|', quote: '"', escape: '\\', null: '' },
  { delimiter: '\t', quote: '"', escape: '"', null: 'N' },
  { delimiter: '\x01', quote: '"', escape: '"', null: '\\N' },
  { delimiter: '.', quote: '"', escape: '"', null: '' },
  { delimiter: '\\', quote: '"', escape: '"', null: '' },
];

/** What breaks CSV readers, and a few ordinary letters. */
const NASTY = [
  ...['"', "'", ',', ';', '|', '\t', '\x01', '\\', '.', '\\.', '\\N', 'N', 'NULL', ' '],
  ...['\n', '\r', '\r\n', '\n\\.\n', '\x0b', '\x0c', '\u0085', '\u2028', '\ufeff', '\ufffd'],
  ...['a', '0', 'ä', '€', '😀', 'xyz'.repeat(30)],
];

const fieldText = fc
  .array(fc.constantFrom(...NASTY), { maxLength: 6 })
  .map((parts) => parts.join(''));

/** Random records of one width, written in a random dialect. */
export const generatedCsv: fc.Arbitrary<GeneratedCsv> = fc
  .record({
    dialect: fc.constantFrom(...DIALECTS),
    width: fc.integer({ min: 1, max: 4 }),
    lineEnds: fc.constantFrom('lf', 'crlf', 'mixed', 'cr'),
    endsWithLineEnd: fc.boolean(),
    trailingBlanks: fc.integer({ min: 0, max: 2 }),
    seed: fc.infiniteStream(fc.record({ text: fieldText, quoted: fc.boolean() })),
    coins: fc.infiniteStream(fc.boolean()),
    height: fc.integer({ min: 0, max: 8 }),
  })
  .map(({ dialect, width, lineEnds, endsWithLineEnd, trailingBlanks, seed, coins, height }) => {
    const next = <T>(stream: fc.Stream<T>): T => stream.next().value as T;
    const records = Array.from({ length: height }, () =>
      Array.from({ length: width }, (): Field => {
        const { text, quoted } = next(seed);
        return { text, quoted: quoted || mustBeQuoted(text, dialect) };
      }),
    );
    const lineEnd = (): string =>
      lineEnds === 'cr'
        ? '\r'
        : lineEnds === 'crlf' || (lineEnds === 'mixed' && next(coins))
          ? '\r\n'
          : '\n';
    const lines = records.map((record) =>
      record.map((field) => writeField(field, dialect)).join(dialect.delimiter),
    );
    // An empty last line without a line end would not be there at all.
    const open = !endsWithLineEnd && lines.at(-1) !== '';
    const text = lines.map((line, i) => line + (open && i === lines.length - 1 ? '' : lineEnd()));
    const blanks = width > 1 && !open && height > 0 ? trailingBlanks : 0;
    for (let i = 0; i < blanks; i += 1) text.push(lineEnd());
    return { dialect, records, lineEnds, text: text.join('') } satisfies GeneratedCsv;
  });

function mustBeQuoted(text: string, { delimiter, quote }: GeneratedCsv['dialect']): boolean {
  return [delimiter, quote, '\n', '\r'].some((char) => text.includes(char));
}

export function writeField(
  { text, quoted }: Field,
  { quote, escape = quote }: GeneratedCsv['dialect'],
): string {
  if (!quoted) return text;
  const escaped = Array.from(text, (char) =>
    char === quote || char === escape ? escape + char : char,
  );
  return quote + escaped.join('') + quote;
}

/** The same fields in the form that every server version takes for the same records. */
export function oracleText({
  records,
  dialect,
}: Pick<GeneratedCsv, 'records' | 'dialect'>): string {
  const line = (record: GeneratedCsv['records'][number]): string => {
    const text = record.map((field) => writeField(field, dialect)).join(dialect.delimiter);
    if (text !== '\\.') return text;
    return record
      .map((field) => (field.text === '' ? field : { ...field, quoted: true }))
      .map((field) => writeField(field, dialect))
      .join(dialect.delimiter);
  };
  return records.map((record) => `${line(record)}\n`).join('');
}
