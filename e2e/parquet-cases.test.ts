import { anyServer, useTestDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { duckdbFile } from '../libs/copy/test/parquet-writing.ts';
import { runCommands, type CommandOutcome } from './many-commands.ts';
import type { ParquetCase } from './parquet-case.ts';
import { DAMAGED } from './parquet-damaged.ts';
import { largeColumn, SHAPES } from './parquet-shapes.ts';
import { VALUES } from './parquet-values.ts';

const MB = 2 ** 20;
/** An empty process has a sixth of it; what a forged file asks for is ten times as much and more. */
const MAX_PEAK_BYTES = 450 * MB;
/** Pages of 32 MB: in the soak the column has more than two gigabytes. */
const LARGE_PAGES = process.env['COPYLINE_SOAK'] === '1' ? 70 : 2;

// Tens of loads in each test.
const TIMEOUT = { timeout: 300_000 };

describe.each(anyServer())('Parquet files of any kind, on $name', TIMEOUT, (server) => {
  const db = useTestDatabase(server);

  async function write(cases: readonly ParquetCase[]): Promise<string[]> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-cases-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await db.sql("create type mood as enum ('sad', 'happy')");
    const paths: string[] = [];
    for (const [n, { file, columns = 'i int', flags }] of cases.entries()) {
      const path = join(folder, `${String(n)}.parquet`);
      if (Buffer.isBuffer(file)) await writeFile(path, file);
      paths.push(
        Buffer.isBuffer(file) ? path : await duckdbFile(file.query, file.options, file.before),
      );
      if (flags?.includes('--create') !== true) {
        await db.sql(`create table t${String(n)} (${columns})`);
      }
    }
    return paths;
  }

  /** Loads file n into table tn, by the command line. */
  async function load(
    cases: readonly Pick<ParquetCase, 'flags'>[],
    paths: readonly string[],
  ): Promise<CommandOutcome[]> {
    return runCommands(
      cases.map(({ flags = [] }, n) => [
        ...['load', paths[n], '--into', `${db.schema}.t${String(n)}`, '--target', db.url()],
        ...['--ledger', 'none', '--json', ...flags],
      ]),
    );
  }

  async function rowsOf(n: number): Promise<string[]> {
    const name = `t${String(n)}`;
    const [table] = await db.sql<{ oid: unknown }>('select to_regclass($1)::oid as oid', [name]);
    if (table?.oid === null) return [];
    const rows = await db.sql<{ row: string }>(
      `select t::text as row from ${name} t order by ctid`,
    );
    return rows.map(({ row }) => row);
  }

  it.each([
    ['damaged, forged, or packed in a way that is not read', DAMAGED],
    ['with values of every kind', VALUES],
    ['of every shape', SHAPES],
  ])('%s: exact values, or an error that says where; little memory', async (_, cases) => {
    const paths = await write(cases);
    const outcomes = await load(cases, paths);
    for (const [n, { name, rows = [], error }] of cases.entries()) {
      const { code, report, peakBytes } = outcomes[n] as CommandOutcome;
      expect.soft(peakBytes, `memory after ${name}`).toBeLessThan(MAX_PEAK_BYTES);
      expect.soft(await rowsOf(n), name).toEqual(rows);
      expect.soft(report.rowsLoaded, name).toBe(rows.length);
      if (error === undefined) {
        expect.soft({ name, code, error: report.error }).toEqual({ name, code: 0, error: null });
        continue;
      }
      const { message, ...place } = error;
      expect.soft({ name, code, ...report.error }).toMatchObject({
        name,
        ...place,
        message: expect.stringContaining(message) as string,
        ...{ source: paths[n], retry: 'never' },
      });
      expect.soft(code, name).toBe(1);
    }
  });

  it('P30 with a column larger than memory: one page of it is held', async () => {
    const { file, rows } = largeColumn(LARGE_PAGES);
    const paths = await write([
      { name: 'large', file, columns: "i text check (i = repeat('text', 262144)), n serial" },
    ]);
    const [outcome] = await load([{ flags: ['--missing-columns', 'default'] }], paths);
    expect(outcome).toMatchObject({ code: 0, report: { rowsLoaded: rows } });
    expect(outcome?.peakBytes).toBeLessThan(MAX_PEAK_BYTES);
  });
});
