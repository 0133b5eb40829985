import {
  commitGate,
  openGate,
  redisServer,
  postgresServers,
  useOwnDatabase,
  writeCsv,
  type TestDatabase,
} from '@copyline/testkit';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ledgerStates, loadedExactlyOnce } from '../exactly-once.ts';
import { backends, runningService, stopAll } from './service.ts';

const ROWS = 20_000;
const POSTGRES = postgresServers().slice(0, 1);

describe.each(POSTGRES)('a worker that dies, on $name', (server) => {
  describe.each(backends('redis'))('with the queue in %s', (backend) => {
    const db = useOwnDatabase(server);
    const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

    test('F1: killed in mid-COPY, the next worker loads all', async () => {
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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

    test('F61: a load that kills its workers is given up, and others are not affected', async () => {
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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
