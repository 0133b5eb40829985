import {
  commitGate,
  openGate,
  rowsExactlyOnce,
  runProcess,
  startFaultProxy,
  anyServer,
  useOwnDatabase,
  writeCsv,
  type RunningProcess,
  type WrittenCsv,
} from '@copyline/testkit';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { int64s, LONG, rawParquet } from '../libs/copy/test/parquet-raw.ts';
import { outcomeOf, startLoad } from './copyline.ts';
import { ledgerStates, loadedExactlyOnce, notLoaded } from './exactly-once.ts';
import { COMMIT, killAtCommit, LOAD_BEGIN } from './killed-at-commit.ts';

const MB = 1e6;
const SOAK = process.env['COPYLINE_SOAK'] === '1';

/** Rows of a file of numbers only. */
const NUMBERS = 20_000;

let directory: string;
/** Tens of windows of the reader; in the soak 200 MB and more, which take seconds of COPY. */
let large: WrittenCsv;
/** A few megabytes, for cases in which the size does not matter. */
let small: WrittenCsv;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-kill-'));
  const [rows, bytes] = SOAK ? [450_000, 200 * MB] : [60_000, 25 * MB];
  large = await writeCsv(join(directory, 'large.csv'), { rows, shape: 'wide' });
  expect((await stat(large.path)).size).toBeGreaterThan(bytes);
  small = await writeCsv(join(directory, 'small.csv'), { rows: 20_000, shape: 'mixed', seed: 2 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

type Loader = (file: string, target: string, ...flags: string[]) => RunningProcess;

const productLoader: Loader = (file, target, ...flags) => startLoad(file, 't', target, ...flags);

/** The same engine with plans that ask the ledger nothing: built for the tests only. */
const unguardedLoader: Loader = (file, target) =>
  runProcess(process.execPath, [
    new URL('unguarded-loader.js', import.meta.url).pathname,
    file,
    target,
  ]);

describe.each(anyServer())('a loader that is killed, on $name', (server) => {
  const db = useOwnDatabase(server);

  it('F1: in the middle of COPY leaves nothing, and the next run loads all', async () => {
    // Once is enough for seconds of COPY: the servers do not differ in what they do then.
    const file = server.major === 18 ? large : small;
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: Math.ceil(file.rows * 0.6) });
    const loader = productLoader(file.path, db.url());
    await gate.reached({ timeoutMs: 60_000 });

    loader.kill('SIGKILL');
    await loader.exit;
    await gate.release();
    const second = await outcomeOf(productLoader(file.path, db.url()));

    expect(second).toMatchObject({ code: 0, report: { rowsLoaded: file.rows } });
    expect(await ledgerStates(db)).toEqual(['abandoned', 'done']);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it.each([
    ['Parquet', 'rows.parquet', numbersParquet],
    ['gzip', 'rows.csv.gz', numbersGzip],
    ['JSON Lines', 'rows.jsonl', numbersJsonLines],
  ])(
    'F1: in the middle of %s leaves nothing, and the next run loads all',
    async (_, name, make) => {
      const path = join(directory, name);
      await writeFile(path, make(NUMBERS));
      await db.sql('CREATE TABLE t (rid bigint)');
      const gate = await openGate(db, 't', { column: 'rid', at: NUMBERS / 2 });
      const loader = productLoader(path, db.url());
      await gate.reached({ timeoutMs: 60_000 });

      loader.kill('SIGKILL');
      await loader.exit;
      await gate.release();
      const loads = [productLoader(path, db.url()), productLoader(path, db.url())];
      const outcomes = await Promise.all(loads.map(outcomeOf));

      // Two at once: one loads, the other finds it loaded.
      expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
      expect(outcomes.map(({ report }) => report.deduplicated).sort()).toEqual([false, true]);
      expect((await ledgerStates(db))[0]).toBe('abandoned');
      await loadedExactlyOnce(db, 't', NUMBERS);
    },
  );

  it('F2: after COMMIT and before its report is answered from the ledger', async () => {
    await killAfterCommit(productLoader);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F2 fails when the ledger is not asked', async () => {
    await killAfterCommit(unguardedLoader);
    await expect(loadedExactlyOnce(db, 't', small.rows)).rejects.toThrow(/exactly once/);
    await rowsExactlyOnce(db, '(SELECT DISTINCT rid FROM t) AS d', small.rows);
  });

  it('F3: between the last row and COMMIT leaves nothing', async () => {
    await db.sql(small.createTableSql('t'));
    await killAtCommit(db, 'before', (url) => productLoader(small.path, url));
    await rowsExactlyOnce(db, 't', 0);
    const second = await outcomeOf(productLoader(small.path, db.url()));

    expect(second.code).toBe(0);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F7: its session terminated mid-COPY is an error, and the next run loads all', async () => {
    await db.sql(small.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: Math.ceil(small.rows * 0.6) });
    const loader = productLoader(small.path, db.url());
    const pid = await gate.reached({ timeoutMs: 60_000 });

    await db.sql('SELECT pg_terminate_backend($1)', [pid]);
    const first = await outcomeOf(loader);
    await gate.release();

    expect(first).toMatchObject({
      code: 1,
      report: {
        status: 'failed',
        error: { code: 'CONNECTION_LOST', retry: 'retry', commitState: 'rolled_back' },
      },
    });
    expect(await ledgerStates(db)).toEqual(['failed']);
    const second = await outcomeOf(productLoader(small.path, db.url()));
    expect(second.code).toBe(0);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F9: its session terminated inside COMMIT, before the record, is rolled back', async () => {
    await db.sql(small.createTableSql('t'));
    const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
    const loader = productLoader(small.path, db.url());
    const pid = await gate.reached({ timeoutMs: 60_000 });

    await db.sql('SELECT pg_terminate_backend($1)', [pid]);
    const first = await outcomeOf(loader);
    await gate.release();

    expect(first).toMatchObject({
      code: 1,
      report: { error: { code: 'CONNECTION_LOST', commitState: 'rolled_back' } },
    });
    await notLoaded(db, 't');
    expect((await outcomeOf(productLoader(small.path, db.url()))).code).toBe(0);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F11: whose COMMIT never arrived learns from the ledger that nothing is loaded', async () => {
    const { proxy, loader } = await loadUpToCommit();
    const lost = proxy.dropQuery(COMMIT);
    loader.claimed.release();
    await lost.reached;
    const first = await outcomeOf(loader.process);

    expect(first).toMatchObject({
      code: 1,
      report: { error: { code: 'CONNECTION_LOST', retry: 'retry', commitState: 'rolled_back' } },
    });
    expect(await ledgerStates(db)).toEqual(['failed']);
    await notLoaded(db, 't');
    expect((await outcomeOf(productLoader(small.path, db.url()))).code).toBe(0);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F12: whose answer to COMMIT is lost learns from the ledger that all is loaded', async () => {
    const { proxy, loader } = await loadUpToCommit();
    const lost = proxy.dropReply(COMMIT);
    loader.claimed.release();
    await lost.reached;
    const outcome = await outcomeOf(loader.process);

    expect(outcome).toMatchObject({ code: 0, report: { status: 'loaded', deduplicated: false } });
    expect(outcome.report.warnings.map((warning) => warning.code)).toEqual(['COMMIT_SETTLED']);
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F13: with the server out of reach after a lost answer, is in doubt until asked again', async () => {
    const { proxy, loader } = await loadUpToCommit('--settle-timeout', '1');
    const lost = proxy.dropReply(COMMIT);
    loader.claimed.release();
    await lost.reached;
    proxy.refuse();
    const first = await outcomeOf(loader.process);

    expect(first).toMatchObject({
      code: 4,
      report: { status: 'in-doubt', error: { code: 'IN_DOUBT', commitState: 'unknown' } },
    });
    await proxy.accept();
    const second = await outcomeOf(productLoader(small.path, proxy.url(db)));
    expect(second).toMatchObject({ code: 0, report: { deduplicated: true } });
    await loadedExactlyOnce(db, 't', small.rows);
  });

  it('F14: a COMMIT that is answered with ROLLBACK is a failure', async () => {
    const { proxy, loader } = await loadUpToCommit();
    const rewritten = proxy.rewriteQuery(COMMIT, 'ROLLBACK');
    loader.claimed.release();
    await rewritten.reached;
    const outcome = await outcomeOf(loader.process);

    expect(outcome).toMatchObject({ code: 1, report: { error: { code: 'COMMIT_ROLLED_BACK' } } });
    await notLoaded(db, 't');
  });

  /** A load of the small file through a proxy, parked between its claim and its transaction. */
  async function loadUpToCommit(...flags: string[]): Promise<{
    readonly proxy: Awaited<ReturnType<typeof startFaultProxy>>;
    readonly loader: {
      readonly process: RunningProcess;
      readonly claimed: { release: () => void };
    };
  }> {
    await db.sql(small.createTableSql('t'));
    const proxy = await startFaultProxy(server);
    const claimed = proxy.parkQuery(LOAD_BEGIN);
    const process = productLoader(small.path, proxy.url(db), ...flags);
    await claimed.reached;
    return { proxy, loader: { process, claimed } };
  }

  /** Kills a loader whose COMMIT the server has done, then loads the same file again. */
  async function killAfterCommit(loader: Loader): Promise<void> {
    await db.sql(small.createTableSql('t'));
    await killAtCommit(db, 'after', (url) => loader(small.path, url));
    await rowsExactlyOnce(db, 't', small.rows);
    const second = loader(small.path, db.url());
    expect((await second.exit).code, second.stderr).toBe(0);
  }
});

function numbers(rows: number): number[] {
  return Array.from({ length: rows }, (_, i) => i);
}

function numbersGzip(rows: number): Buffer {
  return gzipSync(`rid\n${numbers(rows).join('\n')}\n`);
}

function numbersJsonLines(rows: number): string {
  const lines = numbers(rows).map((rid) => `{"rid":${String(rid)}}\n`);
  return lines.join('');
}

function numbersParquet(rows: number): Buffer {
  const values = numbers(rows).map(BigInt);
  const element = { ...LONG, name: 'rid' };
  return rawParquet([{ element, pages: int64s(...values), count: rows }]);
}
