import type { FaultHandle, FaultProxy } from '@copyline/testkit';

import type { Connection } from '../../src/index.ts';
import { pick } from './random.ts';

export const PHASES = [
  'queued',
  'before the answer',
  'first byte',
  'middle',
  'after CopyDone',
  'after CommandComplete',
] as const;
export type Phase = (typeof PHASES)[number];

/** One interrupted COPY: what, where, how, and inside what. */
export interface Interruption {
  readonly id: number;
  readonly direction: 'in' | 'out';
  readonly phase: Phase;
  readonly way: 'abort' | 'throw' | 'break';
  readonly inTransaction: boolean;
  /** Where in the payload the middle is, from 0 to 1. */
  readonly at: number;
}

/** Rows of 1 KB: 9 MB, so that the middle is far from both ends. */
export const LARGE_ROWS = 9_000;
/** So little that it is one message, for the phases that come after the data. */
export const SMALL_ROWS = 3;

/** What was thrown on purpose. */
export class Interrupted extends Error {}

export function randomInterruption(id: number, random: () => number): Interruption {
  const direction = pick<'in' | 'out'>(random, ['in', 'out']);
  const phase = pick(random, PHASES);
  // Without data there is nobody who could throw or break.
  const isEarly = phase === 'queued' || phase === 'before the answer';
  const ways =
    direction === 'out' ? (['abort', 'throw', 'break'] as const) : (['abort', 'throw'] as const);
  const isLate = direction === 'in' && phase.startsWith('after');
  const way = isEarly || isLate ? 'abort' : pick(random, ways);
  return { id, direction, phase, way, inTransaction: random() < 0.5, at: 0.1 + 0.7 * random() };
}

export type Outcome = 'interrupted' | { readonly rows: number };

/** Runs one COPY and interrupts it. Throws what is neither an interruption nor a success. */
export async function interrupt(
  connection: Connection,
  proxy: FaultProxy,
  each: Interruption,
): Promise<Outcome> {
  const controller = new AbortController();
  const parked = park(proxy, each);
  const late = parked?.reached.then(() => {
    if (each.way === 'abort') controller.abort();
    parked.release();
  });
  late?.catch(() => undefined);
  let before: Promise<unknown> | undefined;
  if (each.phase === 'queued') {
    before = connection.query('select pg_sleep(0.005)');
    controller.abort();
  }
  try {
    const rows =
      each.direction === 'in'
        ? await copyIn(connection, each, controller)
        : await copyOut(connection, each, controller, late);
    return each.way === 'break' ? 'interrupted' : { rows };
  } catch (error) {
    const isOurs =
      error instanceof Interrupted || (error as { code?: unknown }).code === 'INTERRUPTED';
    if (!isOurs) throw error;
    return 'interrupted';
  } finally {
    await before;
    await late;
  }
}

/** Holds the server's answer at the place that the phase is about. */
function park(proxy: FaultProxy, { id, phase }: Interruption): FaultHandle | undefined {
  const mine = (sql: string): boolean => sql.includes(`/* case ${id} */`);
  if (phase === 'before the answer') return proxy.parkReply(mine);
  if (phase === 'after CopyDone') return proxy.parkMessage(mine, 'C');
  if (phase === 'after CommandComplete') return proxy.parkMessage(mine, 'Z');
  return undefined;
}

function leave({ way }: Interruption, controller: AbortController): void {
  if (way === 'throw') throw new Interrupted('on purpose');
  if (way === 'abort') controller.abort();
}

function copyIn(
  connection: Connection,
  each: Interruption,
  controller: AbortController,
): Promise<number> {
  const row = Buffer.from(`${each.id}\t${'x'.repeat(1000)}\n`);
  const block = Buffer.concat(Array.from({ length: 100 }, () => row));
  return connection.copyIn(
    `copy /* case ${each.id} */ blobs from stdin`,
    async (sink) => {
      if (each.phase === 'first byte') {
        await sink.write(row.subarray(0, 1));
        leave(each, controller);
        await sink.write(row.subarray(1));
      } else if (each.phase === 'middle') {
        const blocks = LARGE_ROWS / 100;
        for (let i = 0; i < blocks; i += 1) {
          if (i === Math.floor(blocks * each.at)) leave(each, controller);
          await sink.write(block);
        }
      } else {
        for (let i = 0; i < SMALL_ROWS; i += 1) await sink.write(row);
      }
    },
    { signal: controller.signal },
  );
}

async function copyOut(
  connection: Connection,
  each: Interruption,
  controller: AbortController,
  late: Promise<void> | undefined,
): Promise<number> {
  const rows = each.phase === 'middle' || each.phase === 'first byte' ? LARGE_ROWS : SMALL_ROWS;
  const out = connection.copyOut(
    `copy (select /* case ${each.id} */ repeat('x', 1000) from generate_series(1, ${rows})) to stdout`,
    { signal: controller.signal },
  );
  let bytes = 0;
  for await (const piece of out) {
    bytes += piece.length;
    if (late !== undefined) await late;
    const isThere = each.phase !== 'middle' || bytes > rows * 1001 * each.at;
    if (!isThere) continue;
    leave(each, controller);
    if (each.way === 'break') break;
  }
  return out.rowCount ?? 0;
}
