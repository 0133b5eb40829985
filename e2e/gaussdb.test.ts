import {
  dwsFace,
  openClient,
  postgres18,
  rowsExactlyOnce,
  useOwnDatabase,
} from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyline, outcomeOf, startLoad } from './copyline.ts';

interface Doctor {
  readonly status: string;
  readonly flavour: string;
  readonly findings: readonly { readonly check: string; readonly status: string }[];
}

async function doctor(...flags: string[]): Promise<{ code: number | null; report: Doctor }> {
  const command = copyline(['doctor', '--json', ...flags]);
  const { code } = await command.exit;
  const line = command.stdout.trim().split('\n').at(-1) ?? '';
  return { code, report: JSON.parse(line) as Doctor };
}

describe('why there is a driver of our own', () => {
  const db = useOwnDatabase(dwsFace());

  it('node-postgres is refused by a GaussDB(DWS); copyline load is not, by the same conninfo', async () => {
    await expect(openClient(db.url())).rejects.toThrow(
      'SASL: Only mechanism(s) SCRAM-SHA-256 are supported',
    );

    const folder = await mkdtemp(join(tmpdir(), 'copyline-gaussdb-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'orders.csv');
    await writeFile(path, 'rid,name\n1,first\n2,second\n');
    const { code, report } = await outcomeOf(startLoad(path, 'orders', db.url(), '--create'));
    expect({ code, rows: report.rowsLoaded }).toEqual({ code: 0, rows: 2 });
    await rowsExactlyOnce(db, 'orders', 2);

    const script = copyline(['init', '--print-sql', '--distributed']);
    expect((await script.exit).code).toBe(0);
    expect(script.stdout).toContain(') DISTRIBUTE BY REPLICATION;');

    const found = await doctor('--target', db.url());
    expect(found).toMatchObject({ code: 0, report: { status: 'ok', flavour: 'gaussdb-dws' } });
  });
});

describe('copyline doctor', () => {
  const db = useOwnDatabase(postgres18());

  it('prints a table of what it has tried, and fails when the server cannot be reached', async () => {
    const command = copyline(['doctor', '--target', db.url()]);
    expect(await command.exit).toMatchObject({ code: 0 });
    expect(command.stdout).toMatch(/COPY under a savepoint\s+│ ok\s+│ yes/);
    const url = new URL(db.url());
    url.password = 'wrong';
    expect((await doctor('--target', url.href)).code).toBe(1);
  });
});
