import { verifyExtract } from '@copyline/copy';
import {
  openGate,
  openReadGate,
  redisServer,
  testServers,
  useOwnDatabase,
  waitFor,
} from '@copyline/testkit';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { backends, createService, stopAll, type BackendName } from './service.ts';

const ROWS = 50_000;
const EXTRACT = { from: { table: 't' }, to: 'outbox:rows.csv' };
const BOTH = ['rows.csv', 'rows.csv.manifest.json'];

describe.each(backends('postgres'))(
  'the worker of an extract, with the queue in %s',
  (backend: BackendName) => {
    const [server] = testServers();
    if (server === undefined) throw new Error('There is no server');
    const db = useOwnDatabase(server);
    const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

    test('F8: killed in the middle, and before anybody was told: published once', async () => {
      const service = await createService(db, { backend });
      const gate = await openReadGate(db, 't', { rows: ROWS, at: ROWS * 0.6 });
      const [scheduler, first] = await Promise.all([
        service.startScheduler(),
        service.startWorker(),
      ]);
      const names = async (): Promise<string[]> => (await readdir(service.outbox)).sort();
      const told = await openGate(db, 'copyline_control.submission', {
        column: 'state',
        at: 'done',
        event: 'update',
      });
      const { id } = await scheduler.submitExtract(EXTRACT);
      await gate.reached({ timeoutMs: 30_000 });
      await waitFor('a part file', async () => (await names()).length > 0);
      first.kill('SIGKILL');
      await first.exit;
      expect((await names()).filter((name) => !/^\..*\.part$/.test(name))).toEqual([]);
      await gate.release();

      const second = await service.startWorker();
      const telling = await told.reached({ timeoutMs: 30_000 });
      const published = await stat(join(service.outbox, 'rows.csv'));
      expect(await names()).toEqual(BOTH);
      second.kill('SIGKILL');
      await second.exit;
      // What the dead worker has sent must not be done after its death.
      await db.sql('SELECT pg_terminate_backend($1)', [telling]);
      await told.release();
      expect((await scheduler.job(id)).state).toBe('running');

      const third = await service.startWorker();
      const job = await scheduler.jobEnded(id);
      expect(job).toMatchObject({
        ...{ state: 'done', runs: 3, error: null },
        report: { rowsExtracted: ROWS, warnings: [{ code: 'PUBLISHED_BEFORE' }] },
      });
      await stopAll(third, scheduler);
      expect((await stat(join(service.outbox, 'rows.csv'))).ino).toBe(published.ino);
      expect(await names()).toEqual(BOTH);
      const { report } = await verifyExtract(join(service.outbox, BOTH[1] ?? ''));
      expect(report).toMatchObject({ status: 'verified', rows: ROWS });
    });

    test('F5: told to stop rolls back, removes its files, and puts the extract back', async () => {
      const service = await createService(db, {
        backend,
        env: { COPYLINE_WORKER_GRACE_SECONDS: '0' },
      });
      const gate = await openReadGate(db, 't', { rows: ROWS, at: ROWS * 0.6 });
      const [scheduler, first] = await Promise.all([
        service.startScheduler(),
        service.startWorker(),
      ]);
      const { id } = await scheduler.submitExtract(EXTRACT);
      await gate.reached({ timeoutMs: 30_000 });

      first.kill('SIGTERM');
      expect(await first.exit).toEqual({ code: 0, signal: null });
      expect(await scheduler.job(id)).toMatchObject({ state: 'queued', runs: 1, error: null });
      expect(await readdir(service.outbox)).toEqual([]);
      const busy = `SELECT count(*) AS sessions FROM pg_stat_activity WHERE query LIKE '%COPY (%'
                   AND application_name = 'copyline worker'`;
      await waitFor('the server to let go', async () => {
        const [found] = await db.sql<{ sessions: bigint }>(busy);
        return found?.sessions === 0n;
      });
      await gate.release();

      const second = await service.startWorker();
      expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', runs: 2 });
      await stopAll(second, scheduler);
      expect((await readdir(service.outbox)).sort()).toEqual(BOTH);
    });

    test('F54: stopped past its lock, it wakes to find that it has been overtaken', async () => {
      const service = await createService(db, { backend });
      const gate = await openReadGate(db, 't', { rows: ROWS, at: ROWS * 0.6 });
      const [scheduler, first] = await Promise.all([
        service.startScheduler(),
        service.startWorker(),
      ]);
      const { id } = await scheduler.submitExtract({ ...EXTRACT, overwrite: true });
      await gate.reached({ timeoutMs: 30_000 });

      first.kill('SIGSTOP');
      const second = await service.startWorker();
      await scheduler.jobWhen(id, 'to be taken over', ({ runs }) => runs >= 2);
      await gate.release();
      const job = await scheduler.jobEnded(id);
      const published = await stat(join(service.outbox, 'rows.csv'));
      first.kill('SIGCONT');
      await stopAll(first, second);

      expect(job).toMatchObject({ state: 'done', report: { rowsExtracted: ROWS } });
      expect(await scheduler.job(id)).toEqual(job);
      expect((await stat(join(service.outbox, 'rows.csv'))).ino).toBe(published.ino);
      expect((await readdir(service.outbox)).sort()).toEqual(BOTH);
      await stopAll(scheduler);
    });
  },
);
