import {
  type FaultProxy,
  startFaultProxy,
  testServers,
  useTestDatabase,
  waitFor,
  within,
} from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { type Connection, Pool } from '../src/index.ts';
import { backendsOf, conninfoOf } from './support/connected.ts';
import {
  interrupt,
  type Interruption,
  type Outcome,
  type Phase,
  PHASES,
  randomInterruption,
  SMALL_ROWS,
} from './support/interruption.ts';
import { randomFrom } from './support/random.ts';

const CASES = process.env['COPYLINE_SOAK'] === '1' ? 10_000 : 200;
const CONNECTIONS = 4;
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);

describe.each(testServers())('COPYs that are interrupted at random on $name', (server) => {
  const db = useTestDatabase(server);

  it(`poison no connection (seed ${SEED}, ${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    await db.sql('create table blobs (id int, text text)');
    await db.sql('create table marker (id int)');
    const proxy = await startFaultProxy(server);
    await using pool = new Pool({
      target: conninfoOf(db, proxy),
      max: CONNECTIONS,
      acquireTimeoutMs: 120_000,
    });
    const random = randomFrom(SEED);
    // Without COPY under savepoints no transaction survives an interruption.
    const canSave = !server.isFace;
    const cases = Array.from({ length: CASES }, (_, id) => {
      const each = randomInterruption(id, random);
      return { ...each, inTransaction: each.inTransaction && canSave };
    });
    const tally = new Tally();
    const work = cases.values();
    // More tasks than connections, so that some wait for the pool.
    await Promise.all(
      Array.from({ length: CONNECTIONS + 2 }, async () => {
        for (const each of work) await runCase(pool, proxy, each, tally);
      }),
    );
    console.log(tally.text(server.name));

    expect(pool.metrics).toMatchObject({ inUse: 0, waiting: 0 });
    expect(pool.metrics.total).toBeLessThanOrEqual(CONNECTIONS);
    await waitFor('the backends to be at base line', async () => {
      return (await backendsOf(db)).length <= CONNECTIONS;
    });
    for (const phase of PHASES) expect(tally.reached(phase)).toBeGreaterThanOrEqual(CASES * 0.05);
    expect(tally.recovered).toBeGreaterThanOrEqual(CASES * 0.99);
    // Every transaction whose connection lives has committed its marker; what was stored is whole.
    expect(await idsOf('marker')).toEqual(tally.committed.sort((a, b) => a - b));
    expect(await idsOf('blobs')).toEqual(tally.stored.sort((a, b) => a - b));
  });

  async function idsOf(table: string): Promise<number[]> {
    const rows = await db.sql<{ id: number; n: bigint }>(
      `select id, count(*) as n from ${table} group by id order by id`,
    );
    const wanted = table === 'marker' ? 1n : BigInt(SMALL_ROWS);
    expect(rows.filter(({ n }) => n !== wanted)).toEqual([]);
    return rows.map(({ id }) => id);
  }
});

async function runCase(
  pool: Pool,
  proxy: FaultProxy,
  each: Interruption,
  tally: Tally,
): Promise<void> {
  const name = JSON.stringify(each);
  const running = pool.withConnection(async (connection) => {
    const outcome = each.inTransaction
      ? await inTransaction(connection, proxy, each, tally)
      : await interrupt(connection, proxy, each);
    tally.add(each, outcome, connection.isUsable);
    if (!connection.isUsable) return;
    expect(connection.isProvenIdle, name).toBe(true);
    const { rows } = await connection.query('select $1::int as id', [each.id]);
    expect(rows, name).toEqual([{ id: each.id }]);
  });
  await within(`case ${name}`, running, 60_000).catch((error: unknown) => {
    throw new Error(`seed ${SEED}, case ${name}`, { cause: error });
  });
}

/** An outer transaction that must survive: its first and its last statement are one marker. */
async function inTransaction(
  connection: Connection,
  proxy: FaultProxy,
  each: Interruption,
  tally: Tally,
): Promise<Outcome> {
  const outcome = await connection.transaction(async () => {
    await connection.query('insert into marker values ($1)', [-1 - each.id]);
    const attempt = (): Promise<Outcome> => interrupt(connection, proxy, each);
    const done =
      each.direction === 'out'
        ? await attempt()
        : // What a COPY FROM has begun must be undone: a block of its own, ended by an error.
          await connection
            .transaction(async () => {
              const reached = await attempt();
              if (reached === 'interrupted') throw new UndoBlock();
              return reached;
            })
            .catch((error: unknown): Outcome => {
              if (error instanceof UndoBlock) return 'interrupted';
              throw error;
            });
    await connection.query('update marker set id = $1 where id = $2', [each.id, -1 - each.id]);
    return done;
  });
  tally.committed.push(each.id);
  return outcome;
}

class UndoBlock extends Error {}

class Tally {
  recovered = 0;
  readonly committed: number[] = [];
  readonly stored: number[] = [];
  readonly #counts = new Map<string, number>();

  add({ id, direction, phase }: Interruption, outcome: Outcome, isUsable: boolean): void {
    const key = `${direction} ${phase}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (isUsable) this.recovered += 1;
    if (direction === 'in' && outcome !== 'interrupted') this.stored.push(id);
  }

  reached(phase: Phase): number {
    return (this.#counts.get(`in ${phase}`) ?? 0) + (this.#counts.get(`out ${phase}`) ?? 0);
  }

  text(server: string): string {
    const count = (direction: string, phase: Phase): string =>
      String(this.#counts.get(`${direction} ${phase}`) ?? 0).padStart(6);
    const lines = PHASES.map(
      (phase) => `  ${phase.padEnd(24)}${count('in', phase)}${count('out', phase)}`,
    );
    return [
      `interrupted COPYs on ${server}, seed ${SEED}`,
      `  ${'phase'.padEnd(24)}    in   out`,
      ...lines,
      `  recovered: ${this.recovered} of ${CASES}; stored in spite of it: ${this.stored.length}`,
    ].join('\n');
  }
}
