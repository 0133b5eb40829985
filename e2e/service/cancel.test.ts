import { commitGate, openGate, postgres18, useOwnDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { loadedExactlyOnce, notLoaded } from '../exactly-once.ts';
import { scheduledService, stopAll } from './service.ts';

const ROWS = 20_000;

describe('F73: a job that is cancelled', () => {
  const db = useOwnDatabase(postgres18());

  const prepare = () => scheduledService(db, { backend: 'postgres', rows: ROWS });

  it('in the queue is cancelled at once and never run', async () => {
    const { service, scheduler } = await prepare();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });

    expect(await scheduler.cancel(id)).toMatchObject({ state: 'cancelled', runs: 0 });
    const worker = await service.startWorker();
    const other = await scheduler.submit({ source: 'inbox:rows.csv', into: 't', slot: 'other' });
    await scheduler.jobEnded(other.id);

    expect(await scheduler.job(id)).toMatchObject({ state: 'cancelled', runs: 0 });
    await expect(scheduler.cancel(id)).rejects.toThrow('409 JOB_FINISHED');
    await stopAll(worker, scheduler);
  });

  it('in COPY is rolled back', async () => {
    const { service, scheduler } = await prepare();
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const worker = await service.startWorker();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });

    expect(await scheduler.cancel(id)).toMatchObject({ state: 'running', cancelRequested: true });
    const job = await scheduler.jobEnded(id);
    await gate.release();

    expect(job).toMatchObject({
      state: 'cancelled',
      error: { code: 'JOB_CANCELLED', source: 'inbox:rows.csv' },
    });
    await stopAll(worker, scheduler);
    await notLoaded(db, 't');
  });

  it('in COMMIT is what the server answers', async () => {
    const { service, scheduler } = await prepare();
    const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
    const worker = await service.startWorker();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });

    await scheduler.cancel(id);
    await scheduler.jobWhen(id, 'to be told of it', (job) => job.cancelRequested);
    await gate.release();

    expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', cancelRequested: true });
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });

  it('in COMMIT of a worker that stands still, too', async () => {
    const { service, scheduler } = await prepare();
    const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
    const frozen = await service.startWorker();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });
    frozen.kill('SIGSTOP');
    const worker = await service.startWorker();
    await scheduler.jobWhen(id, 'to find its source held', ({ state }) => state === 'waiting');

    expect(await scheduler.cancel(id)).toMatchObject({ state: 'waiting', cancelRequested: true });
    await gate.release();

    expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done', cancelRequested: true });
    frozen.kill('SIGKILL');
    await frozen.exit;
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });

  it('after its worker has died is what the ledger says', async () => {
    const { service, scheduler } = await prepare();
    const told = await openGate(db, 'copyline_control.submission', {
      column: 'state',
      at: 'done',
      event: 'update',
    });
    const worker = await service.startWorker();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    const telling = await told.reached({ timeoutMs: 30_000 });
    worker.kill('SIGKILL');
    await worker.exit;
    await db.sql('SELECT pg_terminate_backend($1)', [telling]);
    await told.release();

    await scheduler.cancel(id);
    const second = await service.startWorker();

    expect(await scheduler.jobEnded(id)).toMatchObject({
      state: 'done',
      report: { rowsLoaded: ROWS },
    });
    await stopAll(second, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });
});
