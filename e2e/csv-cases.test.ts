import { markedBytes, postgres18, useTestDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { CSV_CASES, type CsvCase } from './csv-cases.ts';
import { runCommands, type CommandOutcome } from './many-commands.ts';

// A hundred loads and more in each test.
const TIMEOUT = { timeout: 300_000 };

describe('CSV files of any kind, on the command line', TIMEOUT, () => {
  const db = useTestDatabase(postgres18());

  async function write(cases: readonly CsvCase[]): Promise<string[]> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-cases-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const paths = cases.map((_, n) => join(folder, `${String(n)}.csv`));
    for (const [n, path] of paths.entries()) {
      const { file, columns = 'a text, b text' } = cases[n] as CsvCase;
      await writeFile(path, markedBytes(file).bytes);
      await db.sql(`create table t${String(n)} (${columns})`);
    }
    return paths;
  }

  /** Loads file n into table tn. */
  async function load(
    cases: readonly CsvCase[],
    paths: readonly string[],
    ...more: string[]
  ): Promise<CommandOutcome[]> {
    const commands = cases.map(({ flags = [] }, n) => [
      ...['load', paths[n], '--into', `${db.schema}.t${String(n)}`],
      ...['--target', db.url(), '--ledger-schema', db.schema, '--json', ...flags, ...more],
    ]);
    return runCommands(commands);
  }

  async function rowsOf(n: number): Promise<string[]> {
    const rows = await db.sql<{ row: string }>(
      `select t::text as row from t${String(n)} t order by ctid`,
    );
    return rows.map(({ row }) => row);
  }

  it('are stored as they are, or refused with their place and nothing stored', async () => {
    const paths = await write(CSV_CASES);
    const outcomes = await load(CSV_CASES, paths, '--ledger', 'none');
    for (const [n, { name, file, rows, error }] of CSV_CASES.entries()) {
      const { code, report } = outcomes[n] as CommandOutcome;
      if (error === undefined) {
        expect.soft({ name, code, error: report.error }).toEqual({ name, code: 0, error: null });
        expect.soft(await rowsOf(n), name).toEqual(rows);
        continue;
      }
      const [errorCode, record = null, line, column, sqlstate] = error;
      const { fault } = markedBytes(file);
      const place = {
        record,
        ...(line === undefined ? {} : { line }),
        ...(column === undefined ? {} : { column }),
        ...(fault === null ? {} : { byteOffset: fault }),
        ...(record === null ? {} : { excerpt: expect.any(String) as string, located: true }),
        ...(sqlstate === undefined ? {} : { sqlstate }),
      };
      expect.soft({ name, code, ...report.error }).toMatchObject({
        name,
        code: errorCode,
        retry: 'never',
        ...place,
      });
      expect.soft(code, name).toBe(errorCode === 'CONFIG_INVALID' ? 2 : 1);
      expect.soft(report.rowsLoaded, name).toBe(0);
      expect.soft(await rowsOf(n), name).toEqual([]);
    }
  });

  it('lose only the refused records in continue mode, and every record is accounted for', async () => {
    const cases = CSV_CASES.filter(({ error }) => error?.[1] !== undefined);
    const paths = await write(cases);
    const outcomes = await load(cases, paths, '--on-error', 'continue');
    for (const [n, { name, error, file }] of cases.entries()) {
      const { code, report } = outcomes[n] as CommandOutcome;
      const { rowsParsed, rowsLoaded, rowsRejected, rowsSkipped } = report;
      expect.soft({ name, code, error: report.error }).toEqual({ name, code: 3, error: null });
      expect.soft(rowsRejected, name).toBeGreaterThan(0);
      expect.soft(rowsParsed, name).toBe(rowsLoaded + rowsRejected + rowsSkipped);
      expect.soft((await rowsOf(n)).length, name).toBe(rowsLoaded);
      const [, record, line] = error ?? [];
      const place = { code: error?.[0], record, line, byteOffset: markedBytes(file).fault };
      expect.soft({ name, ...report.rejects[0] }).toMatchObject({ name, ...place });
    }
  });
});
