import type { LoadReport, LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { useTestDatabase, type TestDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';

import { runLoad, type LoadDeps } from '../src/index.ts';

type Server = Parameters<typeof useTestDatabase>[0];

export interface Loading {
  readonly db: TestDatabase;
  /** Writes a file of a name into a folder of the test's own. */
  write(content: string | Buffer, name?: string): Promise<string>;
  /** Loads a file into the table `t`. */
  load(path: string, spec?: Partial<LoadSpecInput>, deps?: Partial<LoadDeps>): Promise<LoadReport>;
}

const LANES = ['binary', 'text', 'byte', 'tolerant'] as const;

/** The lanes that a server has: without proven encoders there is no binary one. */
export function lanesOf({ isFace }: Server): (typeof LANES)[number][] {
  return LANES.filter((lane) => !isFace || lane !== 'binary');
}

/** Files and loads of the test that runs, in a schema of its own, which the ledger shares. */
export function useLoading(server: Server): Loading {
  const db = useTestDatabase(server);
  return {
    db,
    write: async (content, name = 'input.csv') => {
      const folder = await mkdtemp(join(tmpdir(), 'copyline-csv-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    load: async (path, spec, deps) => {
      const { report, error } = await runLoad(
        { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema, ...spec },
        { connect: () => connect({ target: db.url() }), database: db.database, ...deps },
      );
      // A bug must show its stack.
      if (error?.code === 'INTERNAL') throw error;
      return report;
    },
  };
}

/** What must be true after every load that failed: no row, and a ledger that says so. */
export async function expectNothingStored({ db }: Loading, report: LoadReport): Promise<void> {
  expect(report).toMatchObject({ status: 'failed', rowsLoaded: 0, rowsParsed: 0, files: [] });
  const [table] = await db.sql<{ exists: boolean }>(
    `select to_regclass('t') is not null as exists`,
  );
  if (table?.exists === true) {
    expect(await db.sql('select count(*)::int as rows from t')).toEqual([{ rows: 0 }]);
  }
  if (report.loadId === null) return;
  const runs = await db.sql('select load_id, state, error->>$1 as code from load', ['code']);
  expect(runs).toEqual([{ load_id: report.loadId, state: 'failed', code: report.error?.code }]);
}
