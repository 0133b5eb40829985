import {
  commitGate,
  openGate,
  redisServer,
  testServers,
  useOwnDatabase,
  writeCsv,
  type TestDatabase,
  type WrittenCsv,
} from '@copyline/testkit';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ledgerStates, loadedExactlyOnce } from '../exactly-once.ts';
import { BACKENDS, createService, type Scheduler, type Service, type Worker } from './service.ts';

const ROWS = 20_000;
const POSTGRES = testServers().slice(0, 1);
const STALL = new URL('stall-on-signal.mjs', import.meta.url).href;

/** A service with one worker and a target table. */
async function prepare(
  db: TestDatabase,
  backend: (typeof BACKENDS)[number],
): Promise<{ service: Service; scheduler: Scheduler; worker: Worker; file: WrittenCsv }> {
  const service = await createService(db, { backend });
  const file = await writeCsv(join(service.inbox, 'rows.csv'), { rows: ROWS, shape: 'mixed' });
  await db.sql(file.createTableSql('t'));
  const scheduler = await service.startScheduler();
  const worker = await service.startWorker();
  return { service, scheduler, worker, file };
}

async function stopAll(...processes: (Scheduler | Worker)[]): Promise<void> {
  for (const running of processes) running.kill('SIGTERM');
  await Promise.all(processes.map((running) => running.exit));
}

describe.each(POSTGRES)('a worker that dies, on $name', (server) => {
  describe.each(BACKENDS)('with the queue in %s', (backend) => {
    const db = useOwnDatabase(server);
    const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

    test('F1: killed in mid-COPY, the next worker loads all', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGKILL');
      await worker.exit;
      await gate.release();
      const second = await service.startWorker();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', runs: 2, report: { rowsLoaded: ROWS } });
      expect(job.worker).toMatch(new RegExp(`${second.suffix}$`));
      await stopAll(second, scheduler);
      expect(await ledgerStates(db)).toEqual(['abandoned', 'done']);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F2: killed after COMMIT, before anybody was told, is answered by the ledger', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const told = await openGate(db, 'copyline_control.submission', {
        column: 'state',
        at: 'done',
        event: 'update',
      });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      const telling = await told.reached({ timeoutMs: 30_000 });

      worker.kill('SIGKILL');
      await worker.exit;
      // What the dead worker has sent must not be done after its death.
      await db.sql('SELECT pg_terminate_backend($1)', [telling]);
      await told.release();
      expect((await scheduler.job(id)).state).toBe('running');
      const second = await service.startWorker();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', error: null, report: { rowsLoaded: ROWS } });
      await stopAll(second, scheduler);
      expect(await ledgerStates(db)).toEqual(['done']);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F3: killed inside COMMIT, before its record, leaves nothing until the next run', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      const committing = await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGKILL');
      await worker.exit;
      await db.sql('SELECT pg_terminate_backend($1)', [committing]);
      await gate.release();
      const second = await service.startWorker();

      expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', runs: 2 });
      await stopAll(second, scheduler);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F53: busy with itself past its lock, it commits or is overtaken, never both', async () => {
      const { service, scheduler, worker: idle } = await prepare(db, backend);
      await stopAll(idle);
      const worker = await service.startWorker({
        env: { NODE_OPTIONS: `--import=${STALL}`, TEST_STALL_MS: '5000' },
      });
      const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGUSR2');
      const second = await service.startWorker();
      await scheduler.jobWhen(id, 'to be taken over', (job) => job.runs >= 2);
      await gate.release();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', error: null, report: { rowsLoaded: ROWS } });
      await stopAll(worker, second, scheduler);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F54: stopped past its lock, it wakes to find that it has been overtaken', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGSTOP');
      const second = await service.startWorker();
      await scheduler.jobWhen(id, 'to be taken over', (job) => job.runs >= 2);
      worker.kill('SIGCONT');
      await gate.release();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', report: { rowsLoaded: ROWS } });
      await stopAll(worker, second, scheduler);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F55: stopped for good, its session is ended by those who come after it', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGSTOP');
      const second = await service.startWorker();
      await scheduler.jobWhen(id, 'to find its source held', (job) => {
        return job.state === 'waiting' && job.error?.code === 'LOAD_BUSY';
      });
      await gate.release();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', report: { rowsLoaded: ROWS } });
      expect(job.runs).toBeGreaterThanOrEqual(3);
      worker.kill('SIGKILL');
      await worker.exit;
      await stopAll(second, scheduler);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F61: a load that kills its workers is given up, and others are not affected', async () => {
      const { service, scheduler, worker } = await prepare(db, backend);
      const gate = await openGate(db, 't', { column: 'rid', at: 100 });
      const poison = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      let victim = worker;
      for (let death = 1; death <= 3; death += 1) {
        await gate.reached({ timeoutMs: 30_000 });
        victim.kill('SIGKILL');
        await victim.exit;
        await db.sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'copyline worker' AND wait_event = 'advisory'`,
        );
        victim = await service.startWorker();
      }

      const failed = await scheduler.jobEnded(poison.id);
      expect(failed).toMatchObject({ state: 'failed', error: { code: 'WORKER_LOST' } });
      await gate.release();
      await notLoadedYet(db);
      const other = await writeCsv(join(service.inbox, 'other.csv'), { rows: 10, shape: 'mixed' });
      await db.sql(other.createTableSql('other'));
      const { id } = await scheduler.submit({ source: 'inbox:other.csv', into: 'other' });
      expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done' });
      await stopAll(victim, scheduler);
    });
  });
});

async function notLoadedYet(db: TestDatabase): Promise<void> {
  const [row] = await db.sql<{ rows: bigint }>('SELECT count(*) AS rows FROM t');
  expect(row?.rows).toBe(0n);
  expect(await ledgerStates(db)).not.toContain('done');
}
