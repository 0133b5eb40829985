import type { LoadSpecInput } from '@copyline/contracts';
import { markedBytes, postgres18, rawByte } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { expectNothingStored, useLoading } from './csv-loading.ts';

interface RefusedCase {
  readonly name: string;
  /** `⟦` stands before the offending byte, `rawByte(0xff)` for a byte that is no UTF-8. */
  readonly file: string;
  /** Default: two text columns. */
  readonly columns?: string;
  readonly spec?: Partial<LoadSpecInput>;
  readonly error: Readonly<Record<string, unknown>>;
}

const UTF8_CASES: RefusedCase[] = [
  ['a Latin-1 letter', [0xe4, 0x20]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['an overlong NUL of three bytes', [0xe0, 0x80, 0x80]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['a character above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['a lone continuation byte', [0x80]],
].map(([what, bytes]) => ({
  name: `C15/C16 ${String(what)}`,
  file: `a,b\n1,x\n2,ü⟦${rawByte(...(bytes as number[]))}\n`,
  error: { code: 'INVALID_UTF8', record: 2, line: 3, column: 'b' },
}));

const CASES: RefusedCase[] = [
  { name: 'C1 zero bytes', file: '', error: { code: 'EMPTY_SOURCE', record: null } },
  { name: 'C2 only a BOM', file: '\ufeff', error: { code: 'EMPTY_SOURCE', record: null } },
  { name: 'C4 only blank lines', file: '\n\n\n', error: { code: 'HEADER_INVALID' } },
  {
    name: 'C4 a blank line in the middle',
    file: 'a,b\n1,2\n⟦\n3,4\n',
    error: { code: 'FIELD_COUNT', record: 2, line: 3, excerpt: '' },
  },
  {
    name: 'C4 a blank line before the first record',
    file: 'a,b\r\n⟦\r\n1,2\r\n',
    error: { code: 'FIELD_COUNT', record: 1, line: 2 },
  },
  {
    name: 'C9 a lone CR in an unquoted field',
    file: 'a,b\n1,x⟦\ry\n',
    error: { code: 'STRAY_LINE_END', record: 1, line: 2, column: 'b', excerpt: '1,x\\ry' },
  },
  {
    name: 'C9 a lone CR at the end of an LF file',
    file: 'a,b\n1,x\n2,y⟦\r',
    error: { code: 'STRAY_LINE_END', record: 2, line: 3, column: 'b' },
  },
  {
    name: 'C7 a line feed in a file of CR',
    file: 'a,b\r1,x\r2,y⟦\n3,z\r',
    error: { code: 'STRAY_LINE_END', record: 2, line: 3, column: 'b' },
  },
  ...UTF8_CASES,
  {
    name: 'C16 a character cut off by the end of the file',
    file: `a,b\n1,x⟦${rawByte(0xe2, 0x82)}`,
    error: { code: 'INVALID_UTF8', record: 1, line: 2, column: 'b', excerpt: 'x\\xe2\\x82' },
  },
  {
    name: 'C15 broken UTF-8 in the first byte of the data',
    file: `⟦${rawByte(0xff)},b\n1,x\n`,
    spec: { dialect: { header: false } },
    error: { code: 'INVALID_UTF8', record: 1, line: 1, column: 'a' },
  },
  {
    name: 'C15 broken UTF-8 in the header',
    file: `a,⟦${rawByte(0xff)}b\n1,x\n`,
    error: { code: 'INVALID_UTF8', record: null, line: 1 },
  },
  {
    name: 'C14 UTF-16LE without BOM',
    file: '⟦a\0,\0b\0\n\0',
    error: { code: 'UNSUPPORTED_ENCODING', message: expect.stringContaining('UTF-16LE') as string },
  },
  {
    name: 'C19 NUL in a field',
    file: 'a,b\n1,x⟦\0y\n',
    error: { code: 'NUL_BYTE', record: 1, line: 2, column: 'b', excerpt: 'x\\x00y' },
  },
  {
    name: 'C19 NUL in a quoted field',
    file: 'a,b\n1,"x\n⟦\0y"\n',
    error: { code: 'NUL_BYTE', record: 1, line: 2, column: 'b', excerpt: '"x' },
  },
  { name: 'C20 NUL in the header', file: 'a,⟦\0b\n1,x\n', error: { code: 'NUL_BYTE', line: 1 } },
  {
    name: 'C21 a quote that is never closed, opened below its record’s first line',
    file: 'a,b\n1,2\n"x\ny",⟦"never\nclosed\n',
    error: {
      code: 'UNCLOSED_QUOTE',
      message: expect.stringContaining('line 4') as string,
      record: 2,
      line: 3,
      column: 'b',
      excerpt: '"never',
    },
  },
  {
    name: 'C22 a quote that is never closed, in a large file',
    file: `a,b\n1,⟦"never\n${'2,3\n'.repeat(100)}`,
    spec: { maxRecordBytes: 200 },
    error: { code: 'RECORD_TOO_LARGE', record: 1, line: 2 },
  },
  {
    name: 'C23 text after a closing quote',
    file: 'a,b\n1,"x"⟦y\n',
    error: { code: 'TEXT_AFTER_QUOTE', record: 1, line: 2, column: 'b', excerpt: '"x"y' },
  },
  {
    name: 'C24 a quote in an unquoted field',
    file: 'a,b\n1,x⟦"y\n',
    error: { code: 'QUOTE_IN_FIELD', record: 1, line: 2, column: 'b', excerpt: 'x"y' },
  },
  {
    name: 'C25 a blank after a closing quote',
    file: 'a,b\n"1"⟦ ,2\n',
    error: { code: 'TEXT_AFTER_QUOTE', record: 1, line: 2, column: 'a' },
  },
  {
    name: 'C25 a blank before an opening quote',
    file: 'a,b\n1, ⟦"2"\n',
    error: { code: 'QUOTE_IN_FIELD', record: 1, line: 2, column: 'b' },
  },
  {
    name: 'C27 a backslash before a quote without --escape',
    file: 'a,b\n1,"x\\"⟦y"\n',
    error: { code: 'TEXT_AFTER_QUOTE', record: 1, line: 2, column: 'b' },
  },
  {
    name: 'C28 an escape at the end of the file',
    file: 'a,b\n1,⟦"x\\"',
    spec: { dialect: { escape: '\\' } },
    error: { code: 'UNCLOSED_QUOTE', record: 1, line: 2, column: 'b' },
  },
  {
    name: 'C29 too few fields',
    file: 'a,b\n1,2\n3⟦\n',
    error: { code: 'FIELD_COUNT', record: 2, line: 3, expected: '2 fields', excerpt: '3' },
  },
  {
    name: 'C30 too many fields',
    file: 'a,b\n1,2,⟦3\n',
    error: { code: 'FIELD_COUNT', record: 1, line: 2, message: 'The record has 3 fields' },
  },
  {
    name: 'C31 a trailing delimiter',
    file: 'a,b\n1,2,⟦\n',
    error: { code: 'FIELD_COUNT', record: 1, line: 2 },
  },
  {
    name: 'C32 too few fields in the last record, without a line end, behind quoted line ends',
    file: 'a,b\r\n"1\r\n2\r\n3",x\r\n4⟦',
    error: { code: 'FIELD_COUNT', record: 2, line: 5 },
  },
  {
    name: 'C33 another delimiter',
    file: 'a;b\n1;2\n',
    error: {
      code: 'HEADER_MISMATCH',
      advice: expect.stringContaining("--delimiter ';'") as string,
    },
  },
  {
    name: 'C33 another delimiter, without header',
    file: '1\t2⟦\n3\t4\n',
    spec: { dialect: { header: false } },
    error: {
      code: 'FIELD_COUNT',
      record: 1,
      line: 1,
      advice: expect.stringContaining("'\\t'") as string,
    },
  },
  {
    name: 'C35 delimiter and quote are the same, line end as escape: all said at once',
    file: 'a,b\n',
    spec: { dialect: { quote: ',', escape: '\n' } },
    error: {
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /escape must not be a line end.*delimiter and quote/,
      ) as string,
    },
  },
  {
    name: 'C36/C37 a header that disagrees',
    file: 'a,c\n1,2\n',
    error: {
      code: 'HEADER_MISMATCH',
      message: 'File and table disagree: only in the file: “c”; only in the table: “b”',
    },
  },
  {
    name: 'C38 a name twice',
    file: 'a,b,a\n1,2,3\n',
    error: { code: 'HEADER_INVALID', message: expect.stringContaining('name 3, “a”') as string },
  },
  {
    name: 'C38 two spellings of one column',
    file: 'a,A,b\n1,2,3\n',
    error: {
      code: 'HEADER_MISMATCH',
      message: expect.stringContaining('twice in the file') as string,
    },
  },
  {
    name: 'C40 an empty name',
    file: 'a,,b\n1,2,3\n',
    error: {
      code: 'HEADER_INVALID',
      message: expect.stringContaining('name 2 is empty') as string,
    },
  },
  {
    name: 'C42 a name of 64 bytes',
    file: `a,${'ä'.repeat(32)}\n1,2\n`,
    spec: { into: 'fresh', create: true },
    error: { code: 'HEADER_INVALID', message: expect.stringContaining('63 bytes') as string },
  },
  {
    name: 'C43 the header again in the middle',
    file: 'a,b\n1,2\n⟦a,b\n',
    columns: 'a int, b int',
    error: {
      code: 'VALUE_REFUSED',
      record: 2,
      line: 3,
      column: 'a',
      excerpt: 'a',
      sqlstate: '22P02',
    },
  },
  {
    name: 'C44 a footer',
    file: 'a,b\n1,2\nTotal 1⟦\n',
    error: { code: 'FIELD_COUNT', record: 2, line: 3, excerpt: 'Total 1' },
  },
  {
    name: 'C45 a second table in the file',
    file: 'a,b\n1,2\nx,y,⟦z\n3,4,5\n',
    error: { code: 'FIELD_COUNT', record: 2, line: 3 },
  },
  {
    name: 'C58 gzip',
    file: `⟦${rawByte(0x1f, 0x8b)}\u0008`,
    error: { code: 'ARCHIVE_CORRUPT', message: expect.stringContaining('gzip') as string },
  },
  {
    name: 'C58 Parquet',
    file: 'PAR1\x15\x04PAR',
    error: { code: 'PARQUET_INVALID', message: expect.stringContaining('cut off') as string },
  },
];

// The scanner refuses, whatever the version of the server is.
describe.each([postgres18()])('the scanner refuses on $name', (server) => {
  const loading = useLoading(server);

  it.each(CASES)('$name', async ({ file, columns = 'a text, b text', spec, error }) => {
    await loading.db.sql(`create table t (${columns})`);
    const { bytes, fault } = markedBytes(file);
    const path = await loading.write(bytes);
    const report = await loading.load(path, spec);
    const isConfig = error['code'] === 'CONFIG_INVALID';
    expect(report.error).toMatchObject({
      byteOffset: fault,
      ...(isConfig ? {} : { source: path }),
      retry: 'never',
      ...error,
    });
    await expectNothingStored(loading, report);
    // What was refused is no obstacle to a file that is right.
    if (columns !== 'a text, b text') return;
    const right = await loading.load(await loading.write('a,b\n1,2\n'));
    expect(right.rowsLoaded).toBe(1);
  });
});
