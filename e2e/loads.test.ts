import { postgres18, useOwnDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyline, outcomeOf, startLoad } from './copyline.ts';

/** As docs/loads.md has it: a file of a bank, for example. */
const FILE = `Statement of "today
# in euros
Order No||internal||qty||note
1||x||NA||5" pipe
2||y||-|| déjà vu \x80
Total 2
`;
const FLAGS = [
  ...['--delimiter', '||', '--skip-lines', '1', '--skip-footer', '1', '--comment', '#'],
  ...['--relaxed-quotes', '--encoding', 'windows-1252', '--trim', 'unquoted'],
  ...['--map', 'Order No=order_no', '--skip-columns', 'internal', '--missing-columns', 'default'],
  ...['--set', 'region=EU', '--set', 'src={file}', '--set', 'rec={record}'],
  ...['--null-for', 'qty=NA', '--null-for', 'qty=-'],
];

describe('copyline load, of a file unlike the table', () => {
  const db = useOwnDatabase(postgres18());

  async function file(content: string): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'copyline-loads-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'bank.csv');
    await writeFile(path, content, 'latin1');
    return path;
  }

  it('does what its flags say', async () => {
    await db.sql(
      'create table t (order_no int, qty int, note text, region text, src text, rec int, gone text)',
    );
    const path = await file(FILE);
    const { code, report } = await outcomeOf(startLoad(path, 't', db.url(), ...FLAGS));
    expect(report.error).toBeNull();
    expect(code).toBe(0);
    expect(report).toMatchObject({
      lane: { name: 'tolerant', rowsText: 2 },
      columns: {
        loaded: ['order_no', 'qty', 'note'],
        skipped: ['internal'],
        set: ['region', 'src', 'rec'],
        defaulted: ['gone'],
      },
    });
    const rest = { qty: null, region: 'EU', src: path, gone: null };
    expect(await db.sql('select * from t')).toEqual([
      { order_no: 1, note: '5" pipe', rec: 1, ...rest },
      { order_no: 2, note: 'déjà vu €', rec: 2, ...rest },
    ]);
  });

  it('tells the whole difference between a header and a table, and what policies made of it', async () => {
    await db.sql('create table t (a int, note text)');
    const path = await file('a,junk\n1,2\n');
    const refused = await outcomeOf(startLoad(path, 't', db.url()));
    expect(refused.code).toBe(1);
    expect(refused.report.error).toMatchObject({
      code: 'HEADER_MISMATCH',
      message: 'File and table disagree: only in the file: “junk”; only in the table: “note”',
    });
    const policies = ['--extra-columns', 'skip', '--missing-columns', 'default'];
    const loaded = startLoad(path, 't', db.url(), ...policies);
    expect((await outcomeOf(loaded)).code).toBe(0);
    expect(loaded.stderr).toContain('no column has the name: “junk”');
    expect(loaded.stderr).toContain('Not in the file, and therefore NULL: “note”');
  });

  it.each([
    [['--map', 'nothing'], /Give name=value/],
    [['--encoding', 'ebcdic'], /Give utf-8/],
    [['--comment', '"'], /comment must not hold the quote/],
    [['--map', 'a=b', '--columns', 'a'], /rename has no meaning beside columns/],
  ])('refuses %j', async (flags, words) => {
    const path = await file('a\n1\n');
    const load = copyline(['load', path, '--into', 't', '--target', db.url(), ...flags]);
    expect(await load.exit).toMatchObject({ code: 2 });
    expect(load.stderr).toMatch(words);
  });
});
