import type { CsvDialect, LoadSpecInput } from '@copyline/contracts';
import { anyServer } from '@copyline/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RUNS } from './csv-arbitrary.ts';
import { lanesOf, useLoading } from './csv-loading.ts';

type Encoding = NonNullable<CsvDialect['encoding']>;

/** Of CP1252, what Latin-1 does not have. */
const CP1252: Readonly<Record<string, number>> = { '€': 0x80, '–': 0x96, Š: 0x8a, ž: 0x9e };

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  return Buffer.from(Array.from(text, (char) => CP1252[char] ?? char.charCodeAt(0)));
}

interface DialectCase {
  readonly name: string;
  readonly file: string | Buffer;
  readonly dialect: LoadSpecInput['dialect'];
  /** Columns a and b of each row. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly lane?: string;
}

const CASES: DialectCase[] = [
  {
    name: 'C13 UTF-16LE with BOM',
    file: encode('\ufeffa,b\n€,"😀\n"\n', 'utf-16le'),
    dialect: {},
    rows: [['€', '😀\n']],
    lane: 'binary',
  },
  {
    name: 'C13 UTF-16BE, told, with lines to skip and a footer',
    file: encode('x"\r\na,b\r\n1,\r\n2,3\r\nTotal 2\r\n', 'utf-16be'),
    dialect: { encoding: 'utf-16be', skipLines: 1, skipFooter: 1 },
    rows: [
      ['1', null],
      ['2', '3'],
    ],
  },
  {
    name: 'C15 CP1252, told',
    file: encode('a,b\n€–Š,é\n', 'cp1252'),
    dialect: { encoding: 'cp1252' },
    rows: [['€–Š', 'é']],
    lane: 'binary',
  },
  {
    name: 'C15 Latin-1, told',
    file: Buffer.from('a,b\n\xe9\x80,\xff\n', 'latin1'),
    dialect: { encoding: 'latin-1' },
    rows: [['é\u0080', 'ÿ']],
  },
  {
    name: 'C34 a delimiter of two characters',
    file: 'a||b\n1|2||"||"\n||""\n',
    dialect: { delimiter: '||' },
    rows: [
      ['1|2', '||'],
      [null, ''],
    ],
    lane: 'tolerant',
  },
  {
    name: 'C24 and C23 relaxed quotes',
    file: 'a,b\n5" pipe,"x"y\n"q",r\n',
    dialect: { relaxedQuotes: true },
    rows: [
      ['5" pipe', '"x"y'],
      ['q', 'r'],
    ],
    lane: 'tolerant',
  },
  {
    name: 'C46 comments, before the header, too',
    file: '# made "today\na,b\n#,\n1,#\n',
    dialect: { comment: '#' },
    rows: [['1', '#']],
    lane: 'tolerant',
  },
  {
    name: 'C44 a footer in another form, without a line end',
    file: 'a,b\n1,2\n"Total;1\nof all',
    dialect: { skipFooter: 2 },
    rows: [['1', '2']],
    lane: 'binary',
  },
  {
    name: 'C25 blanks around quotes',
    file: 'a,b\n "x " , y \n',
    dialect: { trim: 'unquoted', comment: '#' },
    rows: [['x ', 'y']],
  },
  {
    name: 'NULL and the empty string',
    file: '\ufeff#\na,b\n,""\n-,"-"\n',
    dialect: { comment: '#', null: '-' },
    rows: [
      ['', ''],
      [null, '-'],
    ],
  },
];

describe.each(anyServer())('dialects on $name', (server) => {
  const loading = useLoading(server);
  const rows = async (): Promise<unknown[]> =>
    (await loading.db.sql<{ a: string; b: string }>('select a, b from t')).map(({ a, b }) => [
      a,
      b,
    ]);

  it.each(CASES)('$name', async ({ file, dialect, rows: expected, lane }) => {
    await loading.db.sql('create table t (a text, b text)');
    const report = await loading.load(await loading.write(file), { dialect: dialect ?? {} });
    expect(report.error).toBeNull();
    const expectedLane = lane === 'binary' ? lanesOf(server)[0] : lane;
    if (lane !== undefined) expect(report.lane?.name).toBe(expectedLane);
    expect(await rows()).toEqual(expected);
    expect(report).toMatchObject({ bytesRead: Buffer.byteLength(file) });
  });

  it('a comment in a file of one column, where blank lines are NULL', async () => {
    await loading.db.sql('create table t (a text)');
    const path = await loading.write('a\n#x\n\n\x1a\n#\n');
    expect((await loading.load(path, { dialect: { comment: '#' } })).error).toBeNull();
    expect(await loading.db.sql('select a from t')).toEqual([{ a: null }, { a: '\x1a' }]);
  });

  it.each<[string, Buffer | string, LoadSpecInput['dialect'], Record<string, unknown>]>([
    [
      'CP1252',
      Buffer.from('a,b\nx,y\n\x80,\x81z\n', 'latin1'),
      { encoding: 'cp1252' },
      { code: 'INVALID_ENCODING', record: 2, line: 3, column: 'b', excerpt: '\\x81z' },
    ],
    [
      'UTF-16, half a pair',
      encode('a,b\nx,\ud83d\n', 'utf-16le'),
      { encoding: 'utf-16le' },
      { code: 'INVALID_ENCODING', record: 1, line: 2, column: 'b' },
    ],
    [
      'UTF-16, half a character',
      Buffer.concat([encode('a,b\nx,y', 'utf-16le'), Buffer.of(0x41)]),
      { encoding: 'utf-16le' },
      { code: 'INVALID_ENCODING', record: 1, line: 2, column: 'b' },
    ],
    [
      'UTF-8 with comments',
      Buffer.from('#\n\na,b\n#\nx,y\xe9\n', 'latin1'),
      { comment: '#', skipBlankLines: true },
      { code: 'INVALID_UTF8', record: 1, line: 5, column: 'b' },
    ],
    [
      'a field too many behind comments',
      'a||b\n#||\n\n1||2\n#\n\n3||4||5\n',
      { comment: '#', delimiter: '||', skipBlankLines: true },
      { code: 'FIELD_COUNT', record: 2, line: 7 },
    ],
    [
      'a strict quote in a wide dialect',
      '# x\na;;b\n1;;2\n3;;4"\n',
      { comment: '#', delimiter: ';;' },
      { code: 'QUOTE_IN_FIELD', record: 2, line: 4, column: 'b' },
    ],
    [
      'a quote that stays open',
      '# x\na,b\n1,2\n3,"4\n\n',
      { comment: '#' },
      { code: 'UNCLOSED_QUOTE', record: 2, line: 4, column: 'b' },
    ],
  ])('%s is placed, but for the byte', async (_, file, dialect, error) => {
    await loading.db.sql('create table t (a text, b text)');
    const report = await loading.load(await loading.write(file), { dialect: dialect ?? {} });
    expect(report.error).toMatchObject({ located: true, byteOffset: null, ...error });
    expect(await rows()).toEqual([]);
  });

  it('what the server refuses is placed in a file that is rewritten', async () => {
    await loading.db.sql('create table t (a int, b text check (b <> $$x$$))');
    const text = '# head\na||b\n1||"\n"\n# more\n2||x\n';
    const path = await loading.write(encode(text, 'utf-16be'));
    const dialect = { comment: '#', delimiter: '||', encoding: 'utf-16be' } as const;
    expect((await loading.load(path, { dialect })).error).toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      record: 2,
      line: 6,
      byteOffset: null,
    });
  });

  it('is one table in every encoding, of any size', async () => {
    await loading.db.sql('create table t (a text, b text)');
    const char = fc.constantFrom('a', 'é', ' ', '\n', 'ü', '"', '0', '\\', 'x'.repeat(5000));
    const field = fc.array(char, { maxLength: 12 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { maxLength: 6 }), async (records) => {
        const line = (fields: readonly string[]): string =>
          fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(',');
        const text = ['a,b', ...records.map(line), ''].join('\n');
        for (const encoding of ['utf-16le', 'utf-16be', 'latin-1', 'cp1252'] as const) {
          await loading.db.sql('truncate t');
          const path = await loading.write(encode(text, encoding));
          const report = await loading.load(path, { dialect: { encoding }, ledger: 'none' });
          expect(report.error).toBeNull();
          expect(await rows()).toEqual(records);
        }
      }),
      { numRuns: RUNS / 30 },
    );
  });
});
