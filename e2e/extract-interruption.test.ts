import { postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { verifyExtract } from '@copyline/copy';

import { copyline } from './copyline.ts';
import { Draws, Histogram } from './random-cases.ts';

const SOAK = process.env['COPYLINE_SOAK'] === '1';
const CASES = SOAK ? 200 : 8;
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);
/** 20 MB, written within a fraction of a second. */
const QUERY = `select i, repeat('x', 1000) from generate_series(1, 20000) i`;
const BYTES = 20_000_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;
/** Where in its life the command is when the signal comes. */
const PHASES = ['starting', 'connected', 'waiting for rows', 'at a byte', 'publishing'] as const;

describe('F73: commands that are interrupted at a random byte, or before or after them', () => {
  const db = useOwnDatabase(postgres18());

  it(`leave nothing, or all (seed ${SEED}, ${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'copyline-extract-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    await db.sql('create table gate (i int, t text)');
    const keeper = await db.client();
    const start = (folder: string, query = QUERY): ReturnType<typeof copyline> =>
      copyline([
        ...['extract', '--query', query, '--to', join(folder, 'out.csv'), '--overwrite'],
        ...['--target', db.url(), '--json'],
      ]);
    let last = root;
    const histogram = new Histogram();
    const draws = new Draws(SEED);

    for (let id = 0; id < CASES; id += 1) {
      const signal = draws.pick(SIGNALS);
      const phase = draws.pick(PHASES);
      const at = phase === 'publishing' ? BYTES : draws.fraction() * BYTES;
      const name = `seed ${SEED}, case ${id}: ${signal} ${phase} ${Math.floor(at)}`;
      const folder = join(root, String(id));
      await mkdir(folder);
      const isGated = phase === 'waiting for rows';
      if (isGated) await keeper.query('begin; lock table gate');
      const extract = start(folder, isGated ? `${QUERY} union all table gate` : QUERY);
      let isOver = false;
      const exit = extract.exit.finally(() => (isOver = true));
      const isThere = async (): Promise<boolean> => {
        if (phase === 'starting') return true;
        if (phase === 'connected') return (await db.sql(SESSION)).length > 0;
        if (phase === 'waiting for rows') return (await db.sql(WAITING)).length > 0;
        return (await bytesIn(folder)) >= at;
      };
      await waitFor(name, async () => isOver || (await isThere()), {
        intervalMs: 1,
        timeoutMs: 30_000,
      });
      extract.kill(signal);
      const { code, signal: endedBy } = await exit;
      if (isGated) await keeper.query('rollback');
      const names = await readdir(folder);
      const isWhole = names.includes('out.csv.manifest.json');
      if (isWhole) {
        const { report } = await verifyExtract(join(folder, 'out.csv.manifest.json'));
        expect(report.status, name).toBe('verified');
      } else if (signal === 'SIGKILL') {
        expect(names.filter((each) => !each.endsWith('.part') && each !== 'out.csv')).toEqual([]);
        last = folder;
      } else {
        // Before it listens for signals Node ends by itself, as every process does.
        const ended = phase === 'starting' && code === null ? endedBy : code;
        expect([130, signal], name).toContain(ended);
        expect(names, name).toEqual([]);
      }
      histogram.add(phase, `${signal} ${isWhole ? 'whole' : 'nothing'}`);
    }
    console.log(histogram.text(`interrupted commands, seed ${SEED}, ${CASES} cases`));
    if (SOAK) for (const phase of PHASES) expect(histogram.count(phase), phase).toBeGreaterThan(0);

    // Where one was killed the next one works, and cleans up.
    expect((await start(last).exit).code).toBe(0);
    const names = (await readdir(last)).filter((each) => !/^\d+$/.test(each)).sort();
    expect(names).toEqual(['out.csv', 'out.csv.manifest.json']);
  });
});

const SESSION = `select from pg_stat_activity
  where datname = current_database() and application_name = 'copyline'`;
const WAITING = `select from pg_locks where not granted and relation = 'gate'::regclass
  and database = (select oid from pg_database where datname = current_database())`;

/** Of the newest part file, or of what is there. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}
