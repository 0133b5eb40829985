import {
  extractRequestSchema,
  refusedExtractReport,
  CopylineError,
  type ExtractReport,
} from '@copyline/contracts';
import { postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { submitWork, type ExtractRunner } from '../../src/index.ts';
import { bullJob } from '../support/backends.ts';
import { startService, type Service } from '../support/runner.ts';

const extract = extractRequestSchema.parse({
  from: { query: "select 'planted-text'" },
  to: 'outbox:orders.csv',
});

function reportOf(rowsExtracted: number): ExtractReport {
  const report = refusedExtractReport(new CopylineError('INTERNAL', 'never shown'));
  return { ...report, status: 'extracted', rowsExtracted, error: null };
}

type Run = Parameters<ExtractRunner['run']>[1];

describe('what becomes of a submitted extract', () => {
  const db = useOwnDatabase(postgres18());

  /** A service whose sink holds what was published, by owner. */
  async function start(
    run?: (run: Run, publish: () => void) => Promise<CopylineError | undefined>,
  ): Promise<{ service: Service; id: string; published: Set<string> }> {
    const published = new Set<string>();
    const extracts: ExtractRunner = {
      run: async (_, context) => {
        const publish = (): unknown => published.add(context.owner);
        const error = run === undefined ? void publish() : await run(context, publish);
        return { report: reportOf(error === undefined ? 7 : 0), error };
      },
      findPublished: (_, owner) => Promise.resolve(published.has(owner) ? reportOf(7) : undefined),
    };
    const service = await startService(db, { kind: 'postgres', target: db.url() }, { extracts });
    const work = { type: 'extract', extract } as const;
    const { job } = await submitWork(service.queue, service.submissions, work);
    return { service, id: job.id, published };
  }

  it('is done; of a query the queue hears nothing', async () => {
    const { service, id } = await start((run) => {
      run.onProgress({ phase: 'copy', rowsRead: 3, bytesRead: 30 });
      return Promise.resolve(undefined);
    });
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({
      type: 'extract',
      extract: { to: 'outbox:orders.csv', connection: 'embedded' },
      report: { rowsExtracted: 7 },
    });
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await bullJob(service.queue, id)).toMatchObject({
      name: 'extract',
      returnvalue: { outcome: 'done', rows: 7 },
      data: { submissionId: id, connection: 'embedded', table: null, to: 'outbox:orders.csv' },
    });
    const rows = await db.sql<{ text: string }>(
      'SELECT to_jsonb(j)::text AS text FROM bullmq.job j',
    );
    expect(JSON.stringify(rows)).not.toContain('planted-text');
  });

  it('shows rows and bytes without an end', async () => {
    const { service, id } = await start(async (run) => {
      run.onProgress({ phase: 'copy', rowsRead: 3, bytesRead: 30 });
      return new Promise((resolve) => {
        run.signal.addEventListener('abort', () => {
          resolve(run.signal.reason as CopylineError);
        });
      });
    });
    await service.work();
    const { progress } = await waitFor('progress', async () => {
      const found = await service.submissions.find(id);
      return found?.progress ? found : undefined;
    });
    expect(progress).toEqual({
      ...{ phase: 'copy', rowsRead: 3, bytesRead: 30 },
      ...{ bytesPerSecond: null, rowsPerSecond: null },
    });
    await service.submissions.cancel(id);
    expect(await service.until(id, { state: 'cancelled' })).toMatchObject({
      error: { code: 'JOB_CANCELLED', source: 'outbox:orders.csv' },
    });
  });

  it('hears of a cancel before it publishes, however late', async () => {
    const { service, id, published } = await start(async (run, publish) => {
      await service.submissions.cancel(id);
      await run.beforePublish();
      if (run.signal.aborted) return run.signal.reason as CopylineError;
      publish();
      return undefined;
    });
    await service.work();
    await service.until(id, { state: 'cancelled' });
    expect(published.size).toBe(0);
  });

  it('that was published by a worker that died is done, although it was to be cancelled', async () => {
    const { service, id, published } = await start();
    await service.submissions.start(id, 'host:dead');
    published.add(id);
    await service.submissions.cancel(id);
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({
      runs: 2,
      report: { rowsExtracted: 7 },
    });
  });

  it('that was published by a worker that died is done, although the next run has failed', async () => {
    const { service, id, published } = await start(() =>
      Promise.resolve(new CopylineError('SINK_FORBIDDEN', 'not on this machine')),
    );
    await service.submissions.start(id, 'host:dead');
    published.add(id);
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({
      ...{ runs: 2, error: null, report: { rowsExtracted: 7 } },
    });
  });

  it('has a key of its own: no load may use it', async () => {
    const { service } = await start();
    const { queue, submissions } = service;
    const options = { idempotencyKey: 'k' };
    const work = { type: 'extract', extract } as const;
    const first = await submitWork(queue, submissions, work, options);
    const again = await submitWork(queue, submissions, work, options);
    expect([again.job.id, again.isNew]).toEqual([first.job.id, false]);
    const other = { type: 'extract', extract: { ...extract, overwrite: true } } as const;
    await expect(submitWork(queue, submissions, other, options)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
  });
});
