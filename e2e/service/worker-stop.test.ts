import {
  commitGate,
  openGate,
  redisServer,
  postgresServers,
  useOwnDatabase,
  waitFor,
} from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { ledgerStates, loadedExactlyOnce } from '../exactly-once.ts';
import { backends, runningService, stopAll } from './service.ts';

const ROWS = 20_000;

describe.each(postgresServers().slice(0, 1))(
  'a worker that is told to stop, on $name',
  (server) => {
    describe.each(backends('redis'))('with the queue in %s', (backend) => {
      const db = useOwnDatabase(server);
      const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

      const prepare = (graceSeconds: number) =>
        runningService(db, {
          backend,
          rows: ROWS,
          env: { COPYLINE_WORKER_GRACE_SECONDS: String(graceSeconds) },
        });

      test('F4: ends its load within the grace, and takes no other', async () => {
        const { scheduler, worker } = await prepare(60);
        const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
        const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
        await gate.reached({ timeoutMs: 30_000 });

        worker.kill('SIGTERM');
        await waitFor('the worker to say that it cannot take loads', async () => {
          return (await fetch(`${worker.url}/readyz`)).status === 503;
        });
        const later = await scheduler.submit({
          source: 'inbox:rows.csv',
          into: 't',
          slot: 'later',
        });
        await gate.release();

        expect(await worker.exit).toEqual({ code: 0, signal: null });
        expect(await scheduler.job(id)).toMatchObject({ state: 'done', runs: 1 });
        expect(await scheduler.job(later.id)).toMatchObject({ state: 'queued', runs: 0 });
        await stopAll(scheduler);
        await loadedExactlyOnce(db, 't', ROWS);
      });

      test('F5: rolls back after the grace, and the load goes back to the queue', async () => {
        const { service, scheduler, worker } = await prepare(0);
        const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
        const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
        await gate.reached({ timeoutMs: 30_000 });

        worker.kill('SIGTERM');
        expect(await worker.exit).toEqual({ code: 0, signal: null });
        const waiting = await scheduler.job(id);
        await gate.release();

        expect(waiting).toMatchObject({ state: 'queued', runs: 1, error: null });
        expect(await ledgerStates(db)).toEqual(['failed']);
        const second = await service.startWorker();
        expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', runs: 2 });
        await stopAll(second);
        await stopAll(scheduler);
        await loadedExactlyOnce(db, 't', ROWS);
      });

      test('F6: waits for the answer to COMMIT, and tells what it was', async () => {
        const { scheduler, worker } = await prepare(0);
        const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
        const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
        await gate.reached({ timeoutMs: 30_000 });

        worker.kill('SIGTERM');
        await worker.waitForOutput(/Stopping/);
        await gate.release();

        expect(await worker.exit).toEqual({ code: 0, signal: null });
        expect(await scheduler.job(id)).toMatchObject({ state: 'done', runs: 1 });
        await stopAll(scheduler);
        await loadedExactlyOnce(db, 't', ROWS);
      });

      test('leaves at once when it is told a second time, and nothing is half loaded', async () => {
        const { service, scheduler, worker } = await prepare(60);
        const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
        const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
        await gate.reached({ timeoutMs: 30_000 });

        worker.kill('SIGTERM');
        await worker.waitForOutput(/Stopping/);
        worker.kill('SIGINT');
        expect(await worker.exit).toEqual({ code: 1, signal: null });
        await gate.release();

        const second = await service.startWorker();
        expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', runs: 2 });
        await stopAll(second);
        await stopAll(scheduler);
        await loadedExactlyOnce(db, 't', ROWS);
      });
    });
  },
);
