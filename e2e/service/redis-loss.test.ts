import type { Job } from '@copyline/contracts';
import {
  openGate,
  postgres18,
  redisServer,
  rowsExactlyOnce,
  useOwnDatabase,
  waitFor,
} from '@copyline/testkit';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ledgerStates, loadedExactlyOnce } from '../exactly-once.ts';
import { createService, scheduledService, stopAll } from './service.ts';

const ROWS = 20_000;

describe.skipIf(redisServer() === undefined)('a Redis that forgets or fails', () => {
  const db = useOwnDatabase(postgres18());

  const prepare = (redis: Parameters<typeof createService>[1]['redis'] = {}) =>
    scheduledService(db, { backend: 'redis', redis, rows: ROWS });

  it('flushed with 100 queued submissions: all 100 end done, each exactly once', async () => {
    const { service, scheduler } = await prepare();
    await db.sql('CREATE TABLE many (rid int8, source text)');
    const ids: string[] = [];
    for (let n = 0; n < 100; n += 1) {
      await writeFile(join(service.inbox, `${String(n)}.csv`), `rid,source\n${String(n)},x\n`);
      const source = `inbox:${String(n)}.csv`;
      ids.push((await scheduler.submit({ source, into: 'many' })).id);
    }
    await service.redis?.command('FLUSHALL');

    const worker = await service.startWorker();
    for (const id of ids) expect((await scheduler.jobEnded(id)).state).toBe('done');

    await rowsExactlyOnce(db, 'many', 100);
    expect((await ledgerStates(db)).filter((state) => state === 'done')).toHaveLength(100);
    await stopAll(worker, scheduler);
  });

  it.each([
    ['F44: restarted without its data', false],
    ['F45: restarted with its data', true],
  ])('%s while a load is at work: the load counts once', async (_, appendonly) => {
    const { service, scheduler } = await prepare({ appendonly });
    const worker = await service.startWorker();
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });
    const queued = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });

    await service.redis?.kill();
    await service.redis?.start();
    await gate.release();

    // Either may be the one that loads: a run whose queue has forgotten it may be given up.
    const jobs = [await scheduler.jobEnded(id), await scheduler.jobEnded(queued.id)];
    const report = { rowsLoaded: ROWS };
    expect(jobs).toMatchObject(jobs.map(() => ({ state: 'done', report })));
    const isFound = ({ report: each }: Job): boolean =>
      each !== null && 'deduplicated' in each && each.deduplicated;
    expect(jobs.filter(isFound)).toHaveLength(1);
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });

  it('F46: flushed while a load is at work: it is run again, and the worker goes on', async () => {
    const { service, scheduler } = await prepare();
    const worker = await service.startWorker();
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });

    await service.redis?.command('FLUSHALL');
    await scheduler.jobWhen(id, 'to be given up or run again', (job) => {
      return job.runs > 1 || job.state !== 'running';
    });
    await gate.release();

    expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done' });
    const later = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    expect(await scheduler.jobEnded(later.id)).toMatchObject({ report: { deduplicated: true } });
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });

  it('F48: out of memory, refuses submissions, and what runs is not failed by it', async () => {
    const { service, scheduler } = await prepare();
    const worker = await service.startWorker();
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS * 0.6 });
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });

    await service.redis?.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(scheduler.submit({ source: 'inbox:rows.csv', into: 't' })).rejects.toThrow(
      '503 QUEUE_UNAVAILABLE',
    );
    await gate.release();
    const done = await scheduler.jobEnded(id);
    await service.redis?.command('CONFIG', 'SET', 'maxmemory', '0');

    expect(done).toMatchObject({ state: 'done', runs: 1 });
    const later = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    expect(await scheduler.jobEnded(later.id)).toMatchObject({ report: { deduplicated: true } });
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });

  it.each(['allkeys-lru', 'volatile-lru'])(
    'F49: with %s is refused at the start',
    async (policy) => {
      const service = await createService(db, {
        backend: 'redis',
        redis: { policy, maxmemory: '100mb' },
      });
      await expect(service.startScheduler()).rejects.toThrow(/QUEUE_UNSAFE.*noeviction/s);
      await expect(service.startWorker()).rejects.toThrow(/QUEUE_UNSAFE.*noeviction/s);
    },
  );

  it('F50: down, refuses submissions soon, keeps nothing, and is used again when it is back', async () => {
    const { service, scheduler } = await prepare();
    await service.redis?.kill();
    const load = { source: 'inbox:rows.csv', into: 't' };
    await expect(scheduler.submit(load, 'key')).rejects.toThrow('503 QUEUE_UNAVAILABLE');
    const listed = await scheduler.fetch('/jobs');
    expect(await listed.json()).toEqual({ jobs: [], next: null });
    expect((await fetch(`${scheduler.url}/readyz`)).status).toBe(503);

    await service.redis?.start();
    await waitFor(
      'the scheduler to be ready again',
      async () => (await fetch(`${scheduler.url}/readyz`)).status === 200,
      { timeoutMs: 20_000, intervalMs: 100 },
    );
    const worker = await service.startWorker();
    const { id } = await scheduler.submit(load, 'key');
    expect(await scheduler.jobEnded(id)).toMatchObject({ state: 'done' });
    await stopAll(worker, scheduler);
    await loadedExactlyOnce(db, 't', ROWS);
  });
});
