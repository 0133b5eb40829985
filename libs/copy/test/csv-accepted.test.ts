import type { LoadSpecInput } from '@copyline/contracts';
import { anyServer } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';

interface AcceptedCase {
  readonly name: string;
  readonly file: string;
  /** Default: two text columns. */
  readonly columns?: string;
  readonly spec?: Partial<LoadSpecInput>;
  /** Each row as the server's text of its columns; null is NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly warning?: string;
}

const bool = { columns: 'a text', spec: { dialect: { header: false } } } as const;

const CASES: AcceptedCase[] = [
  { name: 'C3 header only', file: 'a,b\n', rows: [], warning: 'NO_ROWS' },
  { name: 'C3 header only, without a line end', file: 'a,b', rows: [], warning: 'NO_ROWS' },
  {
    name: 'C4 blank lines, skipped by option',
    file: '\n\na,b\n\n1,2\n\n\n3,4\n\n',
    spec: { dialect: { skipBlankLines: true } },
    rows: [
      ['1', '2'],
      ['3', '4'],
    ],
  },
  {
    name: 'C4 blank lines in a one-column table',
    file: 'a\n\nx\n\n',
    columns: 'a text',
    rows: [[null], ['x'], [null]],
  },
  { name: 'C5 no line end at the end', file: 'a,b\n1,2', rows: [['1', '2']] },
  { name: 'C5 a delimiter as the last byte', file: 'a,b\n1,', rows: [['1', null]] },
  { name: 'C6 several line ends at the end', file: 'a,b\r\n1,2\r\n\r\n\n', rows: [['1', '2']] },
  { name: 'C7 CRLF', file: 'a,b\r\n1,2\r\n', rows: [['1', '2']] },
  {
    name: 'C7 only CR',
    file: 'a,b\r1,2\r3,4\r\r',
    rows: [
      ['1', '2'],
      ['3', '4'],
    ],
  },
  {
    name: 'C8 mixed LF and CRLF',
    file: 'a,b\n1,2\r\n3,4\n5,"6"\r\n',
    rows: [
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ],
  },
  {
    name: 'C10 line ends in quotes, byte for byte',
    file: 'a,b\r\n"1\r\n2","\n"\r\n"\r","\n\r"\r\n',
    rows: [
      ['1\r\n2', '\n'],
      ['\r', '\n\r'],
    ],
  },
  {
    name: 'C11 characters that other programs take for line ends',
    file: 'a,b\n\u2028,\v\n\f,\u0085\n',
    rows: [
      ['\u2028', '\v'],
      ['\f', '\u0085'],
    ],
  },
  { name: 'C12 BOM', file: '\ufeffa,b\n1,2\n', rows: [['1', '2']] },
  { name: 'C12 BOM and a quoted header', file: '\ufeff"a","b"\n1,2\n', rows: [['1', '2']] },
  { name: 'C18 U+FFFD', file: 'a,b\n\ufffd,x\n', rows: [['\ufffd', 'x']] },
  { name: 'C26 doubled quotes', file: 'a,b\n"""","x""y"\n', rows: [['"', 'x"y']] },
  {
    name: 'C27 and C28 backslash as escape, also before something else',
    file: 'a,b\n"x\\"y","\\\\"\n"\\n","c\\,"\n\\,\\\n',
    spec: { dialect: { escape: '\\' } },
    rows: [
      ['x"y', '\\'],
      ['\\n', 'c\\,'],
      ['\\', '\\'],
    ],
  },
  {
    name: 'C34 \\x01 as delimiter',
    file: 'a\x01b\n1,\x01"\x01"\n',
    spec: { dialect: { delimiter: '\x01' } },
    rows: [['1,', '\x01']],
  },
  {
    name: 'C34 a blank as delimiter',
    file: 'a b\n1 \n',
    spec: { dialect: { delimiter: ' ' } },
    rows: [['1', null]],
  },
  {
    name: 'C39 another case and blanks around',
    file: ' A ,b\n1,2\n',
    rows: [['1', '2']],
    warning: 'COLUMN_RENAMED',
  },
  {
    name: 'C41 names of Object.prototype',
    columns: '"__proto__" text, constructor text, "toString" text, "hasOwnProperty" text',
    file: '__proto__,toString,constructor,hasOwnProperty\n1,2,3,4\n',
    rows: [['1', '3', '2', '4']],
  },
  {
    name: 'C46 number signs',
    file: 'a,b\n#1,2\n#3,x\n',
    rows: [
      ['#1', '2'],
      ['#3', 'x'],
    ],
  },
  {
    name: 'C47 \\. as the first record',
    file: 'a\n\\.\nx\n',
    columns: 'a text',
    rows: [['\\.'], ['x']],
  },
  { name: 'C47 \\. in the middle', file: 'x\n\\.\ny\n', ...bool, rows: [['x'], ['\\.'], ['y']] },
  { name: 'C47 \\. as the last record', file: 'x\n\\.\n', ...bool, rows: [['x'], ['\\.']] },
  { name: 'C47 \\. without a line end', file: 'x\n\\.', ...bool, rows: [['x'], ['\\.']] },
  { name: 'C47 \\. as the only record', file: '\\.', ...bool, rows: [['\\.']] },
  {
    name: 'C47 \\. in a CRLF file',
    file: 'x\r\n\\.\r\ny\r\n',
    ...bool,
    rows: [['x'], ['\\.'], ['y']],
  },
  { name: 'C47 \\. in a CR file', file: 'x\r\\.\ry\r', ...bool, rows: [['x'], ['\\.'], ['y']] },
  { name: 'C47 \\. quoted', file: '"\\."\nx\n', ...bool, rows: [['\\.'], ['x']] },
  {
    name: 'C47 \\. as a line in quotes',
    file: '"x\n\\.\ny"\nz\n',
    ...bool,
    rows: [['x\n\\.\ny'], ['z']],
  },
  {
    name: 'C47 \\. with the point as delimiter',
    file: 'a.b\n\\.\n1.2\n',
    spec: { dialect: { delimiter: '.' } },
    rows: [
      ['\\', null],
      ['1', '2'],
    ],
  },
  {
    name: 'C47 \\. with the backslash as delimiter',
    file: 'a\\b\n\\.\n1\\2\n',
    spec: { dialect: { delimiter: '\\' } },
    rows: [
      [null, '.'],
      ['1', '2'],
    ],
  },
  {
    name: 'C48 NULL and the empty string',
    file: 'a,b\n,""\n"",\n\\N,NULL\n',
    rows: [
      [null, ''],
      ['', null],
      ['\\N', 'NULL'],
    ],
  },
  {
    name: 'C48 a NULL marker',
    file: 'a,b\n\\N,"\\N"\n,null\n',
    spec: { dialect: { null: '\\N' } },
    rows: [
      [null, '\\N'],
      ['', 'null'],
    ],
  },
  {
    name: 'C50 numbers beyond any double',
    columns: 'a numeric, b bigint',
    file: `a,b\n1.${'0'.repeat(30)}1,9007199254740993\n${'9'.repeat(200)},-9223372036854775808\nNaN,0\n`,
    rows: [
      [`1.${'0'.repeat(30)}1`, '9007199254740993'],
      ['9'.repeat(200), '-9223372036854775808'],
      ['NaN', '0'],
    ],
  },
  {
    name: 'C51 spellings of booleans',
    columns: 'a bool, b bool',
    file: 'a,b\nyes,NO\nTRUE,f\n1,off\n',
    rows: [
      ['true', 'false'],
      ['true', 'false'],
      ['true', 'false'],
    ],
  },
  {
    name: 'C55 blanks behind a char',
    columns: 'a char(3), b varchar(3)',
    file: 'a,b\nx,"y  "\n',
    rows: [['x  ', 'y  ']],
  },
  {
    name: 'C63 formulas',
    file: "a,b\n=cmd|' /C calc'!A0,@x\n",
    rows: [["=cmd|' /C calc'!A0", '@x']],
  },
  {
    name: 'C43 no header',
    file: 'a,b\n1,2\n',
    spec: { dialect: { header: false } },
    rows: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  {
    name: 'C44 lines before the header that are no CSV',
    file: 'Report "of\r\nthe, day\r\na,b\r\n1,2\r\n',
    spec: { dialect: { skipLines: 2 } },
    rows: [['1', '2']],
  },
  {
    name: '--columns: by position, the header only a record',
    file: 'b,whatever\n1,2\n',
    spec: { columns: ['b', 'a'] },
    rows: [['2', '1']],
  },
];

describe.each(anyServer())('the byte lane stores on $name', (server) => {
  const loading = useLoading(server);

  it.each(CASES)('$name', async ({ file, columns = 'a text, b text', spec, rows, warning }) => {
    await loading.db.sql(`create table t (${columns})`);
    const report = await loading.load(await loading.write(file), spec);
    expect(report.error).toBeNull();
    expect(await storedRows()).toEqual(rows);
    expect(report).toMatchObject({
      status: 'loaded',
      rowsParsed: rows.length,
      rowsLoaded: rows.length,
      bytesRead: Buffer.byteLength(file),
    });
    expect(report.warnings.map(({ code }) => code)).toEqual(warning === undefined ? [] : [warning]);
  });

  it.each([
    'with space.csv',
    'new\nline.csv',
    'ünïcödé €😀.csv',
    `'; drop table t; --".csv`,
    '%s %41.csv',
    '\u202egnp.csv',
  ])('C64 a file named %j', async (name) => {
    await loading.db.sql('create table t (a text, b text)');
    const path = await loading.write('a,b\n1,2\n', name);
    expect(await loading.load(path)).toMatchObject({
      status: 'loaded',
      source: path,
      rowsLoaded: 1,
    });
    expect(await loading.load(path)).toMatchObject({ deduplicated: true });
    expect(await storedRows()).toEqual([['1', '2']]);
  });

  it('C42 hostile names, with --create, exactly as in the file', async () => {
    const names = ['a"b', '";--', 'select', ' x ', 'ä'.repeat(31) + 'z', '__proto__', 'A', '1'];
    const header = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',');
    const path = await loading.write(`${header}\n1,2,3,4,5,6,7,8\n`);
    const report = await loading.load(path, { create: true });
    expect(report).toMatchObject({ status: 'loaded', target: { created: true } });
    const columns = await loading.db.sql<{ name: string }>(
      `select attname as name from pg_attribute
        where attrelid = 't'::regclass and attnum > 0 order by attnum`,
    );
    expect(columns.map(({ name }) => name)).toEqual(names);
    expect(await storedRows()).toEqual([['1', '2', '3', '4', '5', '6', '7', '8']]);
  });

  async function storedRows(): Promise<(string | null)[][]> {
    const rows = await loading.db.sql<{ row: (string | null)[] }>(
      `select array(select c.value from json_each_text(row_to_json(t)) c) as row
         from t order by ctid`,
    );
    return rows.map(({ row }) => row);
  }
});
