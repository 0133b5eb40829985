import { openGate, redisServer, postgresServers, useOwnDatabase } from '@copyline/testkit';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { loadedExactlyOnce } from '../exactly-once.ts';
import { backends, runningService, stopAll } from './service.ts';

const ROWS = 20_000;
const POSTGRES = postgresServers().slice(0, 1);
const STALL = new URL('stall-on-signal.mjs', import.meta.url).href;

describe.each(POSTGRES)('a worker that stands still, on $name', (server) => {
  describe.each(backends('postgres'))('with the queue in %s', (backend) => {
    const db = useOwnDatabase(server);
    const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

    test('F53: busy with itself past its lock, it commits or is overtaken, never both', async () => {
      const enough = join(tmpdir(), `copyline-stall-${randomUUID()}`);
      onTestFinished(() => rm(enough, { force: true }));
      const { service, scheduler, worker } = await runningService(db, {
        backend,
        rows: ROWS,
        workerEnv: { NODE_OPTIONS: `--import=${STALL}`, TEST_STALL_UNTIL: enough },
      });
      const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
      const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
      await gate.reached({ timeoutMs: 30_000 });

      worker.kill('SIGUSR2');
      const second = await service.startWorker();
      await scheduler.jobWhen(id, 'to be taken over', (job) => job.runs >= 2);
      await writeFile(enough, '');
      await gate.release();
      const job = await scheduler.jobEnded(id);

      expect(job).toMatchObject({ state: 'done', error: null, report: { rowsLoaded: ROWS } });
      await stopAll(worker, second, scheduler);
      await loadedExactlyOnce(db, 't', ROWS);
    });

    test('F54: stopped past its lock, it wakes to find that it has been overtaken', async () => {
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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
      const { service, scheduler, worker } = await runningService(db, { backend, rows: ROWS });
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
  });
});
