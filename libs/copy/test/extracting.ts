import type { CopylineError, ExtractReport, ExtractSpecInput } from '@copyline/contracts';
import { connect, type Connection } from '@copyline/dws-client';
import { type FaultProxy, type TestDatabase, useTestDatabase, waitFor } from '@copyline/testkit';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished } from 'vitest';
import { gunzipSync } from 'node:zlib';

import { runExtract, type ExtractDeps } from '../src/index.ts';

type Server = Parameters<typeof useTestDatabase>[0];

export interface Outcome {
  readonly report: ExtractReport;
  readonly error: CopylineError | undefined;
}

export interface Extracting {
  readonly db: TestDatabase;
  /** Of this test's own; empty at its beginning. */
  readonly folder: string;
  readonly path: (name: string) => string;
  readonly target: (through?: FaultProxy) => string;
  readonly open: (through?: FaultProxy) => Promise<Connection>;
  /** Extracts to `out.csv`, on a connection of its own unless one is given. */
  readonly extract: (
    spec: Pick<ExtractSpecInput, 'from'> & Partial<ExtractSpecInput>,
    deps?: Partial<ExtractDeps>,
    signal?: AbortSignal,
  ) => Promise<Outcome>;
  /** All names in the folder, hidden ones too. */
  readonly names: () => Promise<string[]>;
  /** A file's text, unpacked where it is packed. */
  readonly text: (name?: string) => Promise<string>;
}

/** Files and extracts of the test that runs, in a schema of its own. */
export function useExtracting(server: Server): Extracting {
  const db = useTestDatabase(server);
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'copyline-extract-'));
    const mine = folder;
    onTestFinished(() => rm(mine, { recursive: true, force: true }));
  });
  const extracting: Extracting = {
    db,
    get folder() {
      return folder;
    },
    path: (name) => join(folder, name),
    target: (through) => {
      const url = new URL(through === undefined ? db.url() : through.url(db));
      url.searchParams.set('options', `-csearch_path=${db.schema}`);
      if (through !== undefined) url.searchParams.set('sslmode', 'disable');
      return url.href;
    },
    open: async (through) => {
      const connection = await connect({ target: extracting.target(through) });
      onTestFinished(() => connection.close());
      return connection;
    },
    extract: async (spec, deps, signal) => {
      const outcome = await runExtract(
        { to: { path: join(folder, 'out.csv') }, ...spec },
        {
          connection: () => connect({ target: extracting.target() }),
          database: db.database,
          ...deps,
        },
        signal,
      );
      // A bug must show its stack.
      if (outcome.error?.code === 'INTERNAL') throw outcome.error;
      return outcome;
    },
    names: async () => (await readdir(folder)).sort(),
    text: async (name = 'out.csv') => {
      const bytes = await readFile(join(folder, name));
      return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString();
    },
  };
  return extracting;
}

/** What must be true after every extract that failed: nothing is there that was not there before. */
export async function expectNothingPublished(
  { names }: Extracting,
  { report, error }: Outcome,
  before: readonly string[] = [],
): Promise<void> {
  expect(error).toBeDefined();
  expect(report).toMatchObject({
    ...{ manifest: null, files: [], rowsExtracted: 0, bytesWritten: 0 },
    error: { code: error?.code },
  });
  expect(report.status).toBe(error?.code === 'INTERRUPTED' ? 'interrupted' : 'failed');
  expect(await names()).toEqual([...before].sort());
}

/** Proves that a connection is as good as new. */
export async function expectHealthy(connection: Connection): Promise<void> {
  expect(connection.isUsable).toBe(true);
  expect(connection.transactionStatus).toBe('idle');
  const { rows } = await connection.query('select 1 as one');
  expect(rows).toEqual([{ one: 1 }]);
}

/** Waits until a backend of the product runs a COPY. */
export async function copyRuns(db: TestDatabase): Promise<number> {
  return waitFor('a COPY to run', async () => {
    const [row] = await db.sql<{ pid: number }>(
      `select pid from pg_stat_activity
        where datname = current_database() and application_name like 'copyline%'
          and state = 'active' and query ilike 'copy%'`,
    );
    return row?.pid;
  });
}
