import type { LoadSpecInput } from '@copyline/contracts';
import { testServers } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { expectNothingStored, lanesOf, useLoading } from './csv-loading.ts';

interface ServerCase {
  readonly name: string;
  readonly columns: string;
  /** `⟦` stands before the offending byte. */
  readonly file: string;
  readonly spec?: Partial<LoadSpecInput>;
  readonly error: Readonly<Record<string, unknown>>;
}

const refused = { code: 'VALUE_REFUSED', sqlstate: '22P02', located: true };
const violated = { code: 'CONSTRAINT_VIOLATED', located: true, column: null };

/** What the server finds: it says a line of its own counting, the place must be the file's. */
const CASES: ServerCase[] = [
  {
    name: 'C49 a word for a number',
    columns: 'a int, b text',
    file: 'a,b\n1,x\n⟦two,y\n3,z\n',
    error: { ...refused, record: 2, line: 3, column: 'a', excerpt: 'two' },
  },
  {
    name: 'C49 an overflow in a quoted field',
    columns: 'a text, b int',
    file: 'a,b\nx,1\ny,⟦"99999999999"\n',
    error: {
      ...refused,
      sqlstate: '22003',
      record: 2,
      line: 3,
      column: 'b',
      excerpt: '"99999999999"',
    },
  },
  {
    name: 'C49 a thousands separator, in columns that change places',
    columns: 'b int, a text',
    file: 'a,b\nx,1\ny,⟦"1,234"\n',
    error: { ...refused, record: 2, line: 3, column: 'b' },
  },
  {
    name: 'C52 a day that is none, behind quoted LF',
    columns: 'a text, b date',
    file: 'a,b\n"1\n2\n3",2024-02-29\n"4\n5",⟦2023-02-29\nx,2024-01-01\n',
    error: {
      ...refused,
      sqlstate: '22008',
      record: 2,
      line: 5,
      column: 'b',
      excerpt: '2023-02-29',
    },
  },
  {
    name: 'C10 a first record with quoted LF, which the server counts differently',
    columns: 'a text, b int',
    file: 'a,b\n"1\n2\n3\n4",1\n"5\n6",2\n7,⟦x\n',
    error: { ...refused, record: 3, line: 8, column: 'b', excerpt: 'x' },
  },
  {
    name: 'C10 a CRLF file with quoted CRLF, LF and CR from the first record on',
    columns: 'a text, b int',
    file: 'a,b\r\n"1\r\n2\n3\r4",1\r\n"5\r\n\r\n6",2\r\n7,3\r\n8,⟦x\r\n9,4\r\n',
    error: { ...refused, record: 4, line: 9, column: 'b', excerpt: 'x' },
  },
  {
    name: 'C10 a CR file with quoted CR and LF',
    columns: 'a text, b int',
    file: 'a,b\r"1\r2\n3",1\r"4\n5\r6",2\r7,⟦x\r',
    error: { ...refused, record: 3, line: 6, column: 'b' },
  },
  {
    name: 'C8 mixed line ends and skipped blank lines in front',
    columns: 'a text, b int',
    file: 'a,b\r\n\n1,1\n\r\n"2\n\n",2\r\n3,⟦x\n',
    spec: { dialect: { skipBlankLines: true } },
    error: { ...refused, record: 3, line: 8, column: 'b' },
  },
  {
    name: 'an error in the last record, without a line end',
    columns: 'a int, b int',
    file: 'a,b\n1,2\n3,⟦x',
    error: { ...refused, record: 2, line: 3, column: 'b' },
  },
  {
    name: 'an error in the only record, without header and line end, behind a BOM and skipped lines',
    columns: 'a int, b int',
    file: '\ufeffnot "CSV\nat all\n3,⟦x',
    spec: { dialect: { header: false, skipLines: 2 } },
    error: { ...refused, record: 1, line: 3, column: 'b' },
  },
  {
    name: 'C55 too long for varchar(3)',
    columns: 'a int, b varchar(3)',
    file: 'a,b\n1,abc\n2,⟦abcd\n',
    error: { ...refused, sqlstate: '22001', record: 2, line: 3, column: 'b', excerpt: 'abcd' },
  },
  {
    name: 'C54 broken JSON with words that look like a place',
    columns: 'a int, b jsonb, c text',
    file: 'a,b,c\n1,{},x\n2,⟦"{ c: 3, line 9, column a: ",y\n',
    error: { ...refused, record: 2, line: 3, column: 'b' },
  },
  {
    name: 'F25 NOT NULL',
    columns: 'a int, b text not null',
    file: 'a,b\n1,""\n⟦2,\n3,x\n',
    error: { ...violated, sqlstate: '23502', record: 2, line: 3, excerpt: '2,' },
  },
  {
    name: 'F24 UNIQUE, behind quoted line ends',
    columns: 'a int unique, b text',
    file: 'a,b\n1,"x\ny"\n2,x\n⟦1,"a: b: z"\n4,x\n',
    error: { ...violated, sqlstate: '23505', record: 3, line: 5 },
  },
  {
    name: 'F25 CHECK, with a value that looks like a column',
    columns: 'a int check (a < 3), b text',
    file: 'a,b\n1,x\n⟦3,hello a: 1\n',
    error: { ...violated, sqlstate: '23514', record: 2, line: 3, excerpt: '3,hello a: 1' },
  },
  {
    name: 'a column whose name begins like the server’s word, and one that holds a colon',
    columns: '"c" int, "c: d" int, "column" int',
    file: 'c,c: d,column\n1,2,3\n4,5,⟦x\n',
    error: { ...refused, record: 2, line: 3, column: 'column' },
  },
  {
    name: 'a hostile column name',
    columns: '"x"";--" int, "__proto__" int, b text',
    file: '"x"";--",__proto__,b\n1,2,x\n3,⟦y,z\n',
    error: { ...refused, record: 2, line: 3, column: '__proto__' },
  },
];

describe.each(testServers())('what $name refuses', (server) => {
  const loading = useLoading(server);

  // In the binary lane most of it is refused before it is sent, in the others by the server.
  const lanes = lanesOf(server).filter((lane) => lane !== 'tolerant');
  const cases = CASES.flatMap((each) => lanes.map((lane) => ({ ...each, lane })));
  it.each(cases)('is placed in lane $lane: $name', async ({ columns, file, spec, lane, error }) => {
    await loading.db.sql(`create table t (${columns})`);
    const [before = '', after = ''] = file.split('⟦');
    const path = await loading.write(before + after);
    const report = await loading.load(path, { ...spec, lane });
    expect(report.error).toMatchObject({
      source: path,
      byteOffset: Buffer.byteLength(before),
      commitState: 'rolled_back',
      retry: 'never',
      ...error,
    });
    await expectNothingStored(loading, report);
  });

  it('is placed in record 100,001, many windows on', async () => {
    await loading.db.sql('create table t (a int, b text)');
    const front = ['a,b\r\n'];
    for (let i = 1; i <= 100_000; i += 1) {
      front.push(i % 1000 === 0 ? `${String(i)},"x\r\ny"\r\n` : `${String(i)},some text\r\n`);
    }
    const before = front.join('');
    const path = await loading.write(`${before}wrong,z\r\n${'7,w\r\n'.repeat(50_000)}`);
    const report = await loading.load(path);
    expect(report.error).toMatchObject({
      ...refused,
      record: 100_001,
      line: 100_102,
      column: 'a',
      byteOffset: before.length,
      excerpt: 'wrong',
    });
    await expectNothingStored(loading, report);
  });

  it('F25: is not placed where the server names only a key', async () => {
    await loading.db.sql('create table parent (a int primary key)');
    await loading.db.sql('create table t (a int references parent, b text)');
    const report = await loading.load(await loading.write('a,b\n1,x\n'));
    expect(report.error).toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      sqlstate: '23503',
      located: false,
      record: null,
      line: null,
      byteOffset: null,
    });
    await expectNothingStored(loading, report);
  });
});
