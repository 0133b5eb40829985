import { verifyExtract } from '@copyline/copy';
import { isFinal } from '@copyline/contracts';
import { postgres18, useOwnDatabase, waitFor, type TestDatabase } from '@copyline/testkit';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Draws, Histogram } from '../random-cases.ts';
import { createService, stopAll, type Scheduler, type Service } from './service.ts';

const SOAK = process.env['COPYLINE_SOAK'] === '1';
/** Extracts that are at work at the same time, and are interrupted each by itself. */
const BATCH = 8;
const BATCHES = SOAK ? 75 : 3;
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);
const ROWS = 6_000;
/** 6 MB each. */
const BYTES = ROWS * 1_000;

const MEANS = ['cancel', 'terminate', 'cancel in the server'] as const;
/** Where in its life a job is when it is interrupted. */
const PHASES = ['submitted', 'at a byte', 'publishing'] as const;

describe('F73: extracts of a worker that are interrupted at a random byte, or before or after them', () => {
  const db = useOwnDatabase(postgres18());

  it(
    `are published once or not at all (seed ${SEED}, ${BATCH * BATCHES} cases)`,
    { timeout: SOAK ? 3_600_000 : 120_000 },
    async () => {
      const service = await createService(db, {
        backend: 'postgres',
        env: { COPYLINE_WORKER_CONCURRENCY: String(BATCH), COPYLINE_WORKER_GRACE_SECONDS: '0' },
      });
      const [scheduler, first] = await Promise.all([
        service.startScheduler(),
        service.startWorker(),
      ]);
      let worker = first;
      const draws = new Draws(SEED);
      const histogram = new Histogram();

      for (let batch = 0; batch < BATCHES; batch += 1) {
        const cases = Array.from({ length: BATCH }, (_, i) => ({
          name: `b${String(batch)}c${String(i)}.csv`,
          means: draws.pick(MEANS),
          phase: draws.pick(PHASES),
          at: draws.fraction() * BYTES,
          overwrite: draws.fraction() < 0.5,
          isSplit: draws.fraction() < 0.3,
        }));
        const all = Promise.all(cases.map((each) => interrupted(each, { db, service, scheduler })));
        // In the first batch the worker itself goes, one way or the other.
        if (batch === 0) {
          await bytesWhen(service, '', BYTES * draws.fraction());
          worker.kill(draws.fraction() < 0.5 ? 'SIGKILL' : 'SIGTERM');
          await worker.exit;
          worker = await service.startWorker();
        }
        for (const [i, outcome] of (await all).entries()) {
          histogram.add(cases[i]?.phase ?? '', outcome);
        }
      }
      console.log(histogram.text(`interrupted extracts of a worker, seed ${SEED}`));
      expect((await readdir(service.outbox)).filter((name) => name.startsWith('.'))).toEqual([]);
      await stopAll(worker, scheduler);
    },
  );
});

interface Case {
  readonly name: string;
  readonly means: (typeof MEANS)[number];
  readonly phase: (typeof PHASES)[number];
  /** Of the bytes that it writes. */
  readonly at: number;
  readonly overwrite: boolean;
  readonly isSplit: boolean;
}

interface Place {
  readonly db: TestDatabase;
  readonly service: Service;
  readonly scheduler: Scheduler;
}

/** Submits one extract, interrupts it, and checks what has become of it. @returns that in words */
async function interrupted(each: Case, { db, service, scheduler }: Place): Promise<string> {
  const { name, means, phase, overwrite } = each;
  const says = `seed ${SEED}: ${JSON.stringify(each)}`;
  const { id } = await scheduler.submitExtract({
    from: { query: `select i, repeat('x', 992) from generate_series(1, ${ROWS}) i /* ${name} */` },
    to: `outbox:${name}`,
    overwrite,
    ...(each.isSplit ? { rowsPerFile: 1_000 } : {}),
  });
  const isOver = async (): Promise<boolean> => isFinal((await scheduler.job(id)).state);
  const at = { submitted: 0, 'at a byte': each.at, publishing: BYTES }[phase];
  await bytesWhen(service, name, at, isOver);
  if (means === 'cancel') {
    await scheduler.cancel(id).catch(() => undefined); // it may have ended by now
  } else {
    const way = means === 'terminate' ? 'pg_terminate_backend' : 'pg_cancel_backend';
    await db.sql(
      `SELECT ${way}(pid) FROM pg_stat_activity
        WHERE application_name = 'copyline worker' AND query LIKE $1 AND state = 'active'`,
      [`%/* ${name} */%`],
    );
  }
  const job = await scheduler.jobEnded(id);
  const names = (await readdir(service.outbox)).filter((found) => {
    return found.includes(name.replace('.csv', ''));
  });
  if (job.state === 'done') {
    const { report } = await verifyExtract(join(service.outbox, `${name}.manifest.json`));
    expect(report, says).toMatchObject({ status: 'verified', rows: ROWS });
    expect(names, says).toHaveLength(report.files + 1);
  } else {
    expect(names, says).toEqual([]);
    const expected = means === 'cancel' ? 'JOB_CANCELLED' : 'STATEMENT_CANCELLED';
    // What was cancelled in the queue was never run, so nothing has failed.
    const isUnrun = job.state === 'cancelled' && job.runs === 0;
    expect(job.error?.code, says).toBe(isUnrun ? undefined : expected);
  }
  return `${means}: ${job.state}`;
}

/** Waits until an extract, or any of them, has written so much. */
async function bytesWhen(
  { outbox }: Service,
  name: string,
  at: number,
  isOver: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<void> {
  await waitFor(
    `${String(at)} bytes of ${name}`,
    async () => {
      const names = (await readdir(outbox)).filter((found) => found.includes(name));
      const sizes = await Promise.all(
        names.map((found) =>
          stat(join(outbox, found)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      return sizes.reduce((sum, size) => sum + size, 0) >= at || (await isOver());
    },
    { intervalMs: 5, timeoutMs: 60_000 },
  );
}
