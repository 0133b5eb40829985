import { type FaultProxy, startFaultProxy, anyServer, within } from '@copyline/testkit';
import type { ExtractSpecInput } from '@copyline/contracts';
import { Pool, type Connection } from '@copyline/dws-client';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import { runExtract, verifyExtract } from '../src/index.ts';
import { useExtracting } from './extracting.ts';

/** On each server; on all of them together 200 at least, however many this machine has. */
const CASES = process.env['COPYLINE_SOAK'] === '1' ? 2000 : 200;
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);
const CONNECTIONS = 4;

const PHASES = [
  'connecting',
  'looking',
  'before the answer',
  'at a byte',
  'after CopyDone',
  'flushing',
] as const;
type Phase = (typeof PHASES)[number];

interface Case {
  readonly id: number;
  readonly phase: Phase;
  readonly way: 'abort' | 'sink';
  readonly inTransaction: boolean;
  readonly options: Pick<ExtractSpecInput, 'format' | 'compression' | 'rowsPerFile'>;
  readonly to: 'file' | 'stdout';
  /** Of the bytes that the server sends: where in them it is. */
  readonly at: number;
}

/** 600 bytes each: 4 MB, more than what may wait here and there. */
const ROWS = 7000;
const BYTES = ROWS * 620;

describe.each(anyServer())('F73: extracts that are interrupted at random on $name', (server) => {
  const extracting = useExtracting(server);
  const { db } = extracting;

  it(`leave nothing (seed ${SEED}, ${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    await db.sql('create table marker (id int)');
    await db.sql(`create table wide as
      select i as id, repeat(md5(i::text), 19) as text from generate_series(1, ${ROWS}) i`);
    const proxy = await startFaultProxy(server);
    await using pool = new Pool({ target: extracting.target(proxy), max: CONNECTIONS });
    const random = randomFrom(SEED);
    // Where no COPY can be undone alone, an extract in a transaction of the caller is refused.
    const canSave = !server.isFace;
    const cases = Array.from({ length: CASES }, (_, id) => {
      const each = randomCase(id, random);
      return { ...each, inTransaction: each.inTransaction && canSave };
    });
    const tally = new Tally();
    const work = cases.values();
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (const each of work) {
          const running = runCase(pool, proxy, each, tally);
          await within(`case ${JSON.stringify(each)}`, running, 60_000).catch((error: unknown) => {
            throw new Error(`seed ${SEED}, case ${JSON.stringify(each)}`, { cause: error });
          });
        }
      }),
    );
    console.log(tally.text(server.name));

    expect(await readdir(extracting.folder)).toEqual([]);
    expect(pool.metrics).toMatchObject({ inUse: 0, waiting: 0 });
    for (const phase of PHASES) expect(tally.reached(phase), phase).toBeGreaterThan(0);
    expect(tally.recovered).toBeGreaterThanOrEqual(CASES * 0.99);
    const committed = await db.sql<{ id: number }>('select id from marker order by id');
    expect(committed.map(({ id }) => id)).toEqual(tally.committed.sort((a, b) => a - b));
  });

  async function runCase(pool: Pool, proxy: FaultProxy, each: Case, tally: Tally): Promise<void> {
    const folder = extracting.path(`case-${each.id}`);
    await mkdir(folder);
    await pool.withConnection(async (connection) => {
      let outcome: string;
      if (each.inTransaction) {
        outcome = await connection.transaction(async () => {
          await connection.query('insert into marker values ($1)', [-1 - each.id]);
          const reached = await interrupted(connection, proxy, each, folder);
          const sql = 'update marker set id = $1 where id = $2';
          await connection.query(sql, [each.id, -1 - each.id]);
          return reached;
        });
        tally.committed.push(each.id);
      } else {
        outcome = await interrupted(connection, proxy, each, folder);
      }
      tally.add(each, outcome, connection.isUsable);
      if (!connection.isUsable) return;
      expect(connection.isProvenIdle).toBe(true);
      const { rows } = await connection.query('select $1::int as id', [each.id]);
      expect(rows).toEqual([{ id: each.id }]);
      const settings = await connection.query('show transaction_read_only');
      expect(settings.rows).toEqual([{ transaction_read_only: 'off' }]);
    });
    await rm(folder, { recursive: true });
  }
});

/** Runs one extract, interrupts it, and looks at what is left. */
async function interrupted(
  connection: Connection,
  proxy: FaultProxy,
  each: Case,
  folder: string,
): Promise<string> {
  const controller = new AbortController();
  const output = new Reader();
  const interrupt = (): void => {
    if (each.way === 'sink') output.destroy();
    else controller.abort();
  };
  const mine = (sql: string): boolean => sql.includes(`/* case ${each.id} */`);
  const parked =
    each.phase === 'before the answer'
      ? proxy.parkReply((sql) => mine(sql) && sql.startsWith('COPY'))
      : each.phase === 'after CopyDone'
        ? proxy.parkMessage((sql) => mine(sql) && sql.startsWith('COPY'), 'C')
        : undefined;
  const reached = parked?.reached.then(() => {
    interrupt();
    parked.release();
  });
  reached?.catch(() => undefined);
  let isDone = false;
  const { report, error } = await runExtract(
    {
      from: { query: `select /* case ${each.id} */ id, text from wide order by id` },
      to: each.to === 'stdout' ? 'stdout' : { path: `${folder}/out.csv` },
      ...each.options,
    },
    {
      ...{ connection, database: 'test', output },
      onProgress: ({ phase, bytesRead }) => {
        const isThere =
          (each.phase === 'connecting' && phase === 'connect') ||
          (each.phase === 'looking' && phase === 'inspect') ||
          (each.phase === 'at a byte' && bytesRead > each.at * BYTES) ||
          (each.phase === 'flushing' && phase === 'publish');
        if (!isThere || isDone) return;
        isDone = true;
        interrupt();
      },
    },
    controller.signal,
  );
  parked?.release();
  await reached;
  const names = await readdir(folder);
  if (error !== undefined) {
    expect(error.code, inspect(error)).toBe(each.way === 'sink' ? 'SINK_CLOSED' : 'INTERRUPTED');
    expect(names).toEqual([]);
    expect(report).toMatchObject({ manifest: null, files: [], rowsExtracted: 0 });
    return 'interrupted';
  }
  // It was too late for it: then all of it is there.
  expect(report.rowsExtracted).toBe(ROWS);
  if (each.to === 'file') {
    const verified = await verifyExtract(`${folder}/out.csv.manifest.json`);
    expect(verified.report).toMatchObject({ status: 'verified', rows: ROWS });
    expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
  }
  return 'whole';
}

/** Reads everything and keeps nothing. */
class Reader extends Writable {
  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    setImmediate(done);
  }
}

function randomCase(id: number, random: () => number): Case {
  const to = random() < 0.3 ? 'stdout' : 'file';
  const shape = Math.floor(random() * 4);
  const rowsPerFile = shape === 1 || shape === 3 ? { rowsPerFile: 1500 } : {};
  const isParquet = random() < 0.4;
  const packed = isParquet ? ('zstd' as const) : ('gzip' as const);
  const format = isParquet ? { format: 'parquet' as const } : {};
  const compression = shape >= 2 ? { compression: packed } : {};
  // What is flushed to the standard output is with its reader.
  const phases = to === 'stdout' ? PHASES.slice(0, -1) : PHASES;
  return {
    ...{ id, to, at: random() },
    phase: phases[Math.floor(random() * phases.length)] ?? 'at a byte',
    way: to === 'stdout' && random() < 0.5 ? 'sink' : 'abort',
    inTransaction: random() < 0.5,
    options: { ...(to === 'file' ? rowsPerFile : {}), ...format, ...compression },
  };
}

class Tally {
  recovered = 0;
  readonly committed: number[] = [];
  readonly #counts = new Map<string, number>();

  add({ phase, way, options }: Case, outcome: string, isUsable: boolean): void {
    const { format = 'csv' } = options;
    for (const key of [phase, `${phase} ${outcome}`, `${phase} ${way}`, `${phase} ${format}`]) {
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
    if (isUsable) this.recovered += 1;
  }

  reached(phase: Phase): number {
    return this.#counts.get(phase) ?? 0;
  }

  text(server: string): string {
    const columns = ['interrupted', 'whole', 'abort', 'sink', 'csv', 'parquet'];
    const lines = PHASES.map((phase) =>
      [
        `  ${phase.padEnd(20)}`,
        ...columns.map((name) => String(this.#counts.get(`${phase} ${name}`) ?? 0).padStart(12)),
      ].join(''),
    );
    return [
      `interrupted extracts on ${server}, seed ${SEED}`,
      `  ${'phase'.padEnd(20)}${columns.map((name) => name.padStart(12)).join('')}`,
      ...lines,
      `  recovered: ${this.recovered} of ${CASES}`,
    ].join('\n');
  }
}

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
