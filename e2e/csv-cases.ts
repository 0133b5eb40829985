import { rawByte } from '@copyline/testkit';

/** A CSV file that somebody has, and what its load must come to. */
export interface CsvCase {
  readonly name: string;
  /** `⟦` stands before the byte that the error must name. */
  readonly file: string;
  readonly flags?: readonly string[];
  /** Default: two text columns. */
  readonly columns?: string;
  /** The rows that are stored, each as the server's text of them; */
  readonly rows?: readonly string[];
  /** or the error: its code, then, of a record: its number, line and column. */
  readonly error?: readonly [
    code: string,
    record?: number,
    line?: number,
    column?: string,
    sqlstate?: string,
  ];
}

const NO_HEADER = ['--no-header'];
const one = (type: string): { columns: string; flags: string[] } => ({
  columns: `a ${type}`,
  flags: NO_HEADER,
});

/** What is stored: C3 to C63 of what CSV files hold. */
const STORED: CsvCase[] = [
  { name: 'C1 zero bytes, which are allowed', file: '', flags: ['--allow-empty'], rows: [] },
  { name: 'C3 only a header', file: 'a,b\n', rows: [] },
  {
    name: 'C4 blank lines, skipped by option',
    file: '\na,b\n\n1,2\n\n',
    flags: ['--skip-blank-lines'],
    rows: ['(1,2)'],
  },
  { name: 'C5 no line end at the end', file: 'a,b\n1,2', rows: ['(1,2)'] },
  { name: 'C6 two line ends at the end', file: 'a,b\n1,2\n\n', rows: ['(1,2)'] },
  { name: 'C7 CRLF', file: 'a,b\r\n1,2\r\n', rows: ['(1,2)'] },
  { name: 'C7 only CR', file: 'a,b\r1,2\r', rows: ['(1,2)'] },
  { name: 'C8 LF and CRLF', file: 'a,b\n1,2\r\n3,4\n', rows: ['(1,2)', '(3,4)'] },
  { name: 'C10 line ends in quotes', file: 'a,b\n"1\r\n2",\n', rows: ['("1\r\n2",)'] },
  {
    name: 'C11 other line ends are data',
    file: 'a,b\n1\u2028,\u00852\n',
    rows: ['(1\u2028,\u00852)'],
  },
  { name: 'C12 a byte order mark', file: '\ufeff"a",b\n1,2\n', rows: ['(1,2)'] },
  {
    name: 'C13 UTF-16 with a byte order mark',
    file: rawByte(0xff, 0xfe, ...Buffer.from('a,b\n1,é\n', 'utf16le')),
    rows: ['(1,é)'],
  },
  {
    name: 'C15 Latin-1, by option',
    file: `a,b\n1,${rawByte(0xe9)}\n`,
    flags: ['--encoding', 'latin-1'],
    rows: ['(1,é)'],
  },
  {
    name: 'C17 characters of four bytes across the border of a window',
    file: `a,b\n1,${'😀'.repeat(70_000)}\n`,
    columns: "a int, b text check (b = repeat(U&'\\+01F600', 70000)), c text default 'whole'",
    flags: ['--missing-columns', 'default'],
    rows: [`(1,${'😀'.repeat(70_000)},whole)`],
  },
  { name: 'C18 U+FFFD itself', file: 'a,b\n1,\ufffd\n', rows: ['(1,\ufffd)'] },
  {
    name: 'C24 quotes in a field, by option',
    file: 'a,b\n1,x"y\n',
    flags: ['--relaxed-quotes'],
    rows: ['(1,"x""y")'],
  },
  {
    name: 'C25 blanks around fields, trimmed by option',
    file: 'a,b\n 1 ,\t2\n',
    flags: ['--trim', 'unquoted'],
    rows: ['(1,2)'],
  },
  { name: 'C26 doubled quotes', file: 'a,b\n"""",""\n', rows: ['("""","")'] },
  {
    name: 'C27 a backslash as escape',
    file: 'a,b\n"x\\"y",2\n',
    flags: ['--escape', '\\'],
    rows: ['("x""y",2)'],
  },
  {
    name: 'C34 several characters between fields',
    file: 'a||b\n1||2\n',
    flags: ['--delimiter', '||'],
    rows: ['(1,2)'],
  },
  { name: 'C34 a tab', file: 'a\tb\n1\t2\n', flags: ['--delimiter', '\\t'], rows: ['(1,2)'] },
  { name: 'C34 \\x01', file: 'a\x01b\n1\x012\n', flags: ['--delimiter', '\\x01'], rows: ['(1,2)'] },
  {
    name: 'C37 a column too many, by option',
    file: 'a,b,c\n1,2,3\n',
    flags: ['--extra-columns', 'skip'],
    rows: ['(1,2)'],
  },
  { name: 'C39 another case, blanks around', file: ' A ,B\n1,2\n', rows: ['(1,2)'] },
  {
    name: 'C41 names of Object.prototype',
    columns: '"__proto__" text, constructor text',
    file: 'constructor,__proto__\n1,2\n',
    rows: ['(2,1)'],
  },
  {
    name: 'C44 lines before the header',
    file: 'Report\na,b\n1,2\n',
    flags: ['--skip-lines', '1'],
    rows: ['(1,2)'],
  },
  {
    name: 'C44 a footer',
    file: 'a,b\n1,2\nTotal: 1\n',
    flags: ['--skip-footer', '1'],
    rows: ['(1,2)'],
  },
  {
    name: 'C46 comments, by option',
    file: 'a,b\n#x\n1,2\n',
    flags: ['--comment', '#'],
    rows: ['(1,2)'],
  },
  { name: 'C46 number signs are data', file: 'a,b\n#1,2\n', rows: ['(#1,2)'] },
  { name: 'C47 \\. unquoted', file: '\\.\nx\n', ...one('text'), rows: ['("\\\\.")', '(x)'] },
  {
    name: 'C47 \\. quoted',
    file: 'x\n"\\."\ny\n',
    ...one('text'),
    rows: ['(x)', '("\\\\.")', '(y)'],
  },
  { name: 'C48 NULL and empty', file: 'a,b\n,""\n"",NULL\n', rows: ['(,"")', '("",NULL)'] },
  {
    name: 'C48 a NULL marker',
    file: 'a,b\n\\N,"\\N"\n',
    flags: ['--null', '\\N'],
    rows: ['(,"\\\\N")'],
  },
  {
    name: 'C50 numbers beyond any double',
    columns: 'a numeric, b bigint',
    file: 'a,b\n1.00000000000000000000001,9007199254740993\n',
    rows: ['(1.00000000000000000000001,9007199254740993)'],
  },
  {
    name: 'C51 spellings of true',
    file: 'yes\n1\nTRUE\non\n',
    ...one('boolean'),
    rows: ['(t)', '(t)', '(t)', '(t)'],
  },
  {
    name: 'C52 24:00 and a leap second',
    file: '24:00\n23:59:60\n',
    ...one('time'),
    rows: ['(24:00:00)', '(24:00:00)'],
  },
  {
    name: 'C53 a time that a zone does not have',
    file: '2024-03-31 02:30:00\n',
    ...one('timestamp'),
    rows: ['("2024-03-31 02:30:00")'],
  },
  { name: 'C55 char is filled up', file: 'x\n', ...one('char(3)'), rows: ['("x  ")'] },
  { name: 'C63 formulas', file: "a,b\n=cmd|' /C'!A0,@x\n", rows: ['("=cmd|\' /C\'!A0",@x)'] },
];

const value = (name: string, type: string, text: string, sqlstate: string): CsvCase => ({
  name: `${name}: ${type} ${text.slice(0, 20)}`,
  columns: `n int, a ${type}`,
  file: `n,a\n1,\n2,⟦${text}\n`,
  error: ['VALUE_REFUSED', 2, 3, 'a', sqlstate],
});

/** What is refused: C1 to C57. Each record error must name its place. */
const REFUSED: CsvCase[] = [
  { name: 'C1 zero bytes', file: '', error: ['EMPTY_SOURCE'] },
  { name: 'C2 only a byte order mark', file: '\ufeff', error: ['EMPTY_SOURCE'] },
  { name: 'C4 a blank line', file: 'a,b\n1,2\n⟦\n3,4\n', error: ['FIELD_COUNT', 2, 3] },
  { name: 'C9 CR in a field', file: 'a,b\n1,x⟦\ry\n', error: ['STRAY_LINE_END', 1, 2, 'b'] },
  { name: 'C14 UTF-16 without its mark', file: '⟦a\0,\0b\0\n\0', error: ['UNSUPPORTED_ENCODING'] },
  ...[
    [0xe4, 0x20],
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ].map((bytes): CsvCase => ({
    name: `C15/C16 ${Buffer.from(bytes).toString('hex')}`,
    file: `a,b\n1,x⟦${rawByte(...bytes)}\n`,
    error: ['INVALID_UTF8', 1, 2, 'b'],
  })),
  {
    name: 'C16 a character that the end cuts',
    file: `a,b\n1,⟦${rawByte(0xe2, 0x82)}`,
    error: ['INVALID_UTF8', 1, 2, 'b'],
  },
  { name: 'C19 NUL', file: 'a,b\n1,x⟦\0\n', error: ['NUL_BYTE', 1, 2, 'b'] },
  { name: 'C20 NUL in the header', file: 'a,⟦\0\n1,2\n', error: ['NUL_BYTE'] },
  {
    name: 'C21 a quote that stays open',
    file: 'a,b\n1,⟦"x\ny\n',
    error: ['UNCLOSED_QUOTE', 1, 2, 'b'],
  },
  {
    name: 'C22 a quote that stays open, in a large file',
    file: `a,b\n1,⟦"x\n${'2,3\n'.repeat(1000)}`,
    flags: ['--max-record-size', '1kB'],
    error: ['RECORD_TOO_LARGE', 1, 2],
  },
  {
    name: 'C23 text behind a quote',
    file: 'a,b\n1,"x"⟦y\n',
    error: ['TEXT_AFTER_QUOTE', 1, 2, 'b'],
  },
  { name: 'C24 a quote in a field', file: 'a,b\n1,x⟦"y\n', error: ['QUOTE_IN_FIELD', 1, 2, 'b'] },
  {
    name: 'C25 a blank behind a quote',
    file: 'a,b\n"1"⟦ ,2\n',
    error: ['TEXT_AFTER_QUOTE', 1, 2, 'a'],
  },
  {
    name: 'C28 an escape at the end',
    file: 'a,b\n1,⟦"x\\"',
    flags: ['--escape', '\\'],
    error: ['UNCLOSED_QUOTE', 1, 2, 'b'],
  },
  { name: 'C29 too few fields', file: 'a,b\n1,2\n3⟦\n', error: ['FIELD_COUNT', 2, 3] },
  { name: 'C30 too many fields', file: 'a,b\n1,2,⟦3\n', error: ['FIELD_COUNT', 1, 2] },
  {
    name: 'C31 a delimiter behind each record',
    file: 'a,b\n1,2,⟦\n',
    error: ['FIELD_COUNT', 1, 2],
  },
  { name: 'C32 too few in the last one', file: 'a,b\n"1\n2",x\n3⟦', error: ['FIELD_COUNT', 2, 4] },
  { name: 'C33 another delimiter', file: 'a;b\n1;2\n', error: ['HEADER_MISMATCH'] },
  {
    name: 'C35 delimiter and quote are one',
    file: 'a,b\n',
    flags: ['--quote', ','],
    error: ['CONFIG_INVALID'],
  },
  { name: 'C36 a column is missing', file: 'a\n1\n', error: ['HEADER_MISMATCH'] },
  { name: 'C37 a column too many', file: 'a,b,c\n1,2,3\n', error: ['HEADER_MISMATCH'] },
  { name: 'C38 a name twice', file: 'a,b,a\n1,2,3\n', error: ['HEADER_INVALID'] },
  {
    name: 'C39 NFC and NFD',
    columns: '"é" text',
    file: 'e\u0301\n1\n',
    error: ['HEADER_MISMATCH'],
  },
  { name: 'C40 an empty name', file: 'a,\n1,2\n', error: ['HEADER_INVALID'] },
  {
    name: 'C42 a name of 64 bytes',
    file: `a,${'ä'.repeat(32)}\n1,2\n`,
    flags: ['--extra-columns', 'skip'],
    error: ['HEADER_MISMATCH'],
  },
  {
    name: 'C43 the header again',
    columns: 'a int, b int',
    file: 'a,b\n1,2\n⟦a,b\n',
    error: ['VALUE_REFUSED', 2, 3, 'a', '22P02'],
  },
  { name: 'C45 a second table', file: 'a,b\n1,2\nx,y,⟦z\n', error: ['FIELD_COUNT', 2, 3] },
  value('C49', 'int', '2147483648', '22003'),
  value('C49', 'int', '1e3', '22P02'),
  value('C49', 'int', '"1,234"', '22P02'),
  value('C49', 'int', '١٢', '22P02'),
  value('C50', 'numeric(5,2)', '1000', '22003'),
  value('C50', 'float8', '1e400', '22003'),
  value('C50', 'numeric', '"1,5"', '22P02'),
  value('C51', 'boolean', 'wahr', '22P02'),
  value('C52', 'date', '2023-02-29', '22008'),
  value('C52', 'date', '0000-00-00', '22008'),
  value('C52', 'date', '31/12/2023', '22008'),
  value('C53', 'timestamptz', '2024-01-01 25:00:00+00', '22008'),
  value('C54', 'jsonb', '{a:1}', '22P02'),
  value('C54', 'int[]', '"{1,"', '22P02'),
  value('C54', 'bytea', '\\xabc', '22023'),
  value('C54', 'uuid', '123', '22P02'),
  value('C55', 'varchar(3)', 'four', '22001'),
  {
    name: 'C56 a field beyond the limit',
    file: `a,b\n⟦1,${'x'.repeat(3000)}\n`,
    flags: ['--max-record-size', '2kB'],
    error: ['RECORD_TOO_LARGE', 1, 2],
  },
  {
    name: 'C56 more columns than a table can have',
    file: `${Array.from({ length: 1601 }, (_, i) => `c${String(i)}`).join(',')}\n`,
    flags: ['--create'],
    error: ['HEADER_INVALID'],
  },
  {
    name: 'C57 a header of a million names',
    file: `${Array.from({ length: 1_000_000 }, (_, i) => `c${String(i)}`).join(',')}\n`,
    error: ['HEADER_INVALID'],
  },
];

export const CSV_CASES: readonly CsvCase[] = [...STORED, ...REFUSED];
