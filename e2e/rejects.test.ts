import type { LoadReport, ValidateReport } from '@copyline/contracts';
import { postgres18, useOwnDatabase } from '@copyline/testkit';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copyline } from './copyline.ts';

/** What any of the commands prints. */
type Printed = Partial<LoadReport & ValidateReport>;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copyline-rejects-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('records that are refused, on the command line', () => {
  const db = useOwnDatabase(postgres18());

  async function run(...args: string[]) {
    const child = copyline([...args, '--target', db.url()]);
    const { code } = await child.exit;
    return { code, stdout: child.stdout, stderr: child.stderr };
  }
  async function json(...args: string[]): Promise<{ code: number | null; document: Printed }> {
    const { code, stdout } = await run(...args, '--json');
    return { code, document: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Printed };
  }

  it('are kept, listed, written and loaded again; exit code 3 says that there are some', async () => {
    await db.sql('create table t (a int, b text not null)');
    const file = join(folder, 'orders.csv');
    const bad = join(folder, 'bad.csv');
    await writeFile(file, 'a,b\n1,x\ntwo,y\n3,\n4,z\n');
    const flags = ['--into', 't', '--on-error', 'continue'];

    const text = await run('load', file, ...flags, '--rejects', bad);
    expect(text).toMatchObject({ code: 3 });
    expect(text.stdout).toMatch(/loaded 2 rows of 4/);
    expect(text.stdout).toMatch(/rejects +2 records refused, see .*bad\.csv/);
    expect(text.stdout).toMatch(/2 │ +3 │ a +│ VALUE_REFUSED 22P02/);
    expect(await readFile(bad, 'utf8')).toBe('a,b\ntwo,y\n3,\n');
    expect(await readFile(`${bad}.jsonl`, 'utf8')).toMatch(/"record":2.*\n.*"record":3.*\n$/);

    const again = await json('load', file, ...flags);
    expect(again).toMatchObject({ code: 3, document: { deduplicated: true, rowsRejected: 2 } });
    const id = again.document.loadId?.slice(0, 8) ?? '';
    const listed = await json('rejects', id);
    expect(listed).toMatchObject({ code: 0, document: { count: 2 } });
    expect(listed.document.rejects).toMatchObject([{ record: 2, column: 'a' }, { record: 3 }]);
    const copy = join(folder, 'copy.csv');
    expect(await run('rejects', id, '--to', copy)).toMatchObject({ code: 0 });
    expect(await readFile(copy)).toEqual(await readFile(bad));

    await db.sql('alter table t alter b drop not null');
    const replayed = await json('replay', id);
    expect(replayed).toMatchObject({ code: 3, document: { rowsLoaded: 1, rowsRejected: 1 } });
    const history = await run('history');
    expect(history.stdout).toMatch(/rejects:/);
    expect(history.stdout).toMatch(
      / size .* parsed .* loaded .* errors .* line .* column .* byte /,
    );
    expect((await json('history')).document).toMatchObject({
      loads: [
        { state: 'done', rowsParsed: 2, rowsLoaded: 1, errors: 1 },
        {
          ...{ state: 'done', rowsParsed: 4, rowsLoaded: 2, errors: 2 },
          firstError: { code: 'VALUE_REFUSED', record: 2, line: 3, column: 'a', byteOffset: 8 },
        },
      ],
    });
    const pruned = await json('rejects', '--prune', '--older-than', '0s');
    expect(pruned).toMatchObject({ code: 0, document: { loads: 2, rejects: 3 } });
    expect(await run('rejects', id)).toMatchObject({ code: 1 });
  });

  it('beyond the limit roll everything back, and the first ones are shown', async () => {
    await db.sql('create table t (a int)');
    const file = join(folder, 'limit.csv');
    await writeFile(file, 'a\n1\nx\ny\n');
    const flags = ['--into', 't', '--on-error', 'continue', '--reject-limit', '1'];
    const { code, stderr } = await run('load', file, ...flags);
    expect(code).toBe(1);
    expect(stderr).toMatch(/REJECT_LIMIT_EXCEEDED: 2 of 3 records/);
    expect(stderr).toMatch(/VALUE_REFUSED 22P02/);
    expect(await db.sql('select from t')).toEqual([]);
    expect(await run('load', file, '--into', 't', '--reject-limit', '1')).toMatchObject({
      code: 2,
    });
  });

  it('are found by validate, which stores nothing', async () => {
    await db.sql('create table t (a int unique)');
    const file = join(folder, 'validate.csv');
    await writeFile(file, 'a\n1\n1\nx\n');
    const text = await run('validate', file, '--into', 't');
    expect(text).toMatchObject({ code: 3 });
    expect(text.stdout).toMatch(/2 errors in 3 records/);
    expect(text.stdout).toMatch(/rolled back, nothing is stored/);
    const report = await json('validate', file, '--into', 't', '--max-errors', '1');
    expect(report).toMatchObject({ code: 3, document: { status: 'invalid', rowsValid: 1 } });
    expect(report.document.rejects).toMatchObject([{ record: 2, sqlstate: '23505' }]);
    await writeFile(file, 'a\n1\n');
    expect(await run('validate', file, '--into', 't')).toMatchObject({ code: 0 });
    const missing = await json('validate', `${file}.none`, '--into', 't');
    expect(missing).toMatchObject({ code: 1, document: { status: 'failed' } });
    expect(await db.sql('select from t')).toEqual([]);
  });
});
