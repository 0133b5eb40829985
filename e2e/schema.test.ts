import { postgres18, useOwnDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyline, outcomeOf, startLoad } from './copyline.ts';

const CONTENT = `id,zip,amount,paid_at,"odd ""name",empty
1,1234,1.5,2026-11-20 08:00:00,x,
2,01234,20,2026-11-21 09:30:00+01,"two
lines",
3,9,30,,y,
`;

async function file(content: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'copyline-schema-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'orders.csv');
  await writeFile(path, content);
  return path;
}

describe('copyline schema', () => {
  const db = useOwnDatabase(postgres18());

  it('prints a statement that can be run, and in comments why, without a database', async () => {
    const command = copyline(['schema', await file(CONTENT)], { env: { PGHOST: '/nowhere' } });
    expect(await command.exit).toMatchObject({ code: 0 });
    expect(command.stdout).toBe(
      [
        'CREATE TABLE "orders" (',
        '  "id" bigint,        -- like 1 in record 1, line 2',
        '  "zip" text,         -- not bigint: 01234 in record 2, line 3',
        '  "amount" numeric,   -- like 1.5 in record 1, line 2',
        '  "paid_at" text,     -- not timestamp: 2026-11-21 09:30:00+01 in record 2, line 3',
        '  "odd ""name" text,  -- like x in record 1, line 2',
        '  "empty" text        -- no value in the whole file',
        ');',
        '',
      ].join('\n'),
    );
    await db.sql(command.stdout);
  });

  it('is the table that --create makes', async () => {
    const path = await file(CONTENT);
    const command = copyline(['schema', path, '--into', 'sales.orders', '--json']);
    await command.exit;
    const { sql, columns } = JSON.parse(command.stdout.trim().split('\n').at(-1) ?? '') as {
      sql: string;
      columns: { name: string; type: string }[];
    };
    const load = await outcomeOf(startLoad(path, 'sales.orders', db.url(), '--create'));
    expect(load.code).toBe(0);
    const made = await db.sql(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
        WHERE attrelid = 'sales.orders'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    expect(columns.map(({ name, type }) => ({ name, type }))).toEqual(made);
    await db.sql(`DROP TABLE sales.orders; ${sql}`);
  });

  it('says where a file is broken', async () => {
    const command = copyline(['schema', await file('a,b\n1,2\n3\n'), '--json']);
    expect(await command.exit).toMatchObject({ code: 1 });
    expect(JSON.parse(command.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'FIELD_COUNT', record: 2, line: 3 },
    });
  });
});
