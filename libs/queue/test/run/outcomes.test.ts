import { CopylineError } from '@copyline/contracts';
import { postgres18, useOwnDatabase, waitFor, within } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { failing, startService, untilAborted, type Service } from '../support/runner.ts';
import { work, reportOf } from '../support/control.ts';
import { bullJob, payload } from '../support/backends.ts';

describe('what becomes of a submission', () => {
  const db = useOwnDatabase(postgres18());
  const start = (options?: Parameters<typeof startService>[2]): Promise<Service> =>
    startService(db, { kind: 'postgres', target: db.url() }, options);

  it('is done, in the control database, in the target and on the board', async () => {
    const service = await start();
    await service.work();
    const { id } = await service.submit();
    const job = await service.until(id, { state: 'done' });
    expect(job).toMatchObject({
      runs: 1,
      worker: 'host:1',
      report: { rowsLoaded: 1 },
      error: null,
    });
    expect(await service.target.owners()).toEqual([id]);
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await bullJob(service.queue, id)).toMatchObject({
      returnvalue: { outcome: 'done', rows: 1 },
      data: {
        submissionId: id,
        source: 'inbox:orders.csv',
        connection: 'embedded',
        into: 'orders',
      },
    });
    expect((await service.queue.bullQueue.getJobLogs(id)).logs).toEqual(['run 1 on host:1']);
  });

  it('shows how far it has come', async () => {
    const service = await start();
    service.target.script.push((request, run) => {
      run.onProgress({ phase: 'copy', bytesRead: 10, bytesTotal: 100, rowsParsed: 3 });
      return untilAborted(request, run);
    });
    await service.work();
    const { id } = await service.submit();
    const job = await waitFor('progress', async () => {
      const found = await service.submissions.find(id);
      return found?.progress ? found : undefined;
    });
    expect(job).toMatchObject({ state: 'running', progress: { phase: 'copy', bytesRead: 10 } });
    await service.submissions.cancel(id);
    expect(await service.until(id, { state: 'cancelled' })).toMatchObject({ progress: null });
  });

  it('has failed for good when a repetition cannot help', async () => {
    const service = await start();
    service.target.script.push(failing('VALUE_REFUSED'));
    await service.work();
    const { id } = await service.submit();
    const job = await service.until(id, { state: 'failed' });
    expect(job).toMatchObject({ runs: 1, error: { code: 'VALUE_REFUSED' }, nextRunAt: null });
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await bullJob(service.queue, id)).toMatchObject({
      failedReason: 'VALUE_REFUSED: it is VALUE_REFUSED',
    });
  });

  it('is tried again after a passing fault, but not for ever', async () => {
    const service = await start();
    const lost = failing('CONNECTION_LOST');
    service.target.script.push(lost, lost, lost);
    await service.work();
    const { id } = await service.submit();
    for (const runs of [1, 2]) {
      const job = await service.until(id, { state: 'waiting', runs });
      expect(job.error).toMatchObject({ code: 'CONNECTION_LOST', retry: 'retry' });
      expect(job.nextRunAt).not.toBeNull();
      await service.hurry(id);
    }
    const failed = await service.until(id, { state: 'failed' });
    expect(failed).toMatchObject({ runs: 3, error: { code: 'CONNECTION_LOST' } });

    service.target.script.push(lost, lost);
    const { id: lucky } = await service.submit();
    for (const runs of [1, 2]) {
      await service.until(lucky, { state: 'waiting', runs });
      await service.hurry(lucky);
    }
    expect(await service.until(lucky, { state: 'done' })).toMatchObject({ runs: 3, error: null });
  });

  it('waits while the source is held, without counting, and then asks for it', async () => {
    const service = await start({ retry: { attempts: 1 } });
    const busy = failing('LOAD_BUSY');
    service.target.script.push(busy, busy, busy);
    await service.work();
    const { id } = await service.submit();
    for (const runs of [1, 2, 3]) {
      await service.until(id, { state: 'waiting', runs });
      await service.hurry(id);
    }
    await service.until(id, { state: 'done', runs: 4 });
    const politely = { action: 'fail', timeoutMs: 0 };
    expect(service.target.calls.map(({ whenBusy }) => whenBusy)).toEqual([
      ...[politely, politely, politely],
      { action: 'supersede', timeoutMs: 10_000 },
    ]);
  });

  it('is in doubt until somebody knows', async () => {
    const service = await start({ retry: { attempts: 1 } });
    const doubt = failing('IN_DOUBT');
    service.target.script.push(doubt, doubt);
    await service.work();
    const { id } = await service.submit();
    for (const runs of [1, 2]) {
      const job = await service.until(id, { state: 'in-doubt', runs });
      expect(job.error).toMatchObject({ code: 'IN_DOUBT', retry: 'resolve' });
      await service.hurry(id);
    }
    expect(await service.until(id, { state: 'done' })).toMatchObject({ runs: 3 });
    expect(await service.target.owners()).toEqual([id]);
  });

  it('is not run again when the queue delivers it again', async () => {
    const service = await start();
    await service.work();
    const { id, load: request } = await service.submit();
    await service.until(id, { state: 'done' });
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    await service.queue.remove(id);
    const { source, connection, into } = request;
    await service.queue.enqueue('load', id, { submissionId: id, source, connection, into });
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await bullJob(service.queue, id)).toMatchObject({
      returnvalue: { outcome: 'discarded' },
    });
    expect(service.target.calls).toHaveLength(1);
  });

  it('F2: a run whose worker died after COMMIT is done once, and says so', async () => {
    const service = await start();
    const { id, load: request } = await service.submit();
    // The first worker: it has committed, and nobody heard of it.
    await service.submissions.start(id, 'host:dead');
    const run = {
      ...{ owner: id, whenBusy: { action: 'fail', timeoutMs: 0 } as const },
      ...{ onProgress: () => undefined, signal: new AbortController().signal },
    };
    await service.target.commit(request, run);
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({
      runs: 2,
      report: { deduplicated: true },
    });
    expect(await service.target.owners()).toEqual([id]);
  });

  it('F61: is given up when it has killed three workers', async () => {
    const service = await start();
    const { id } = await service.submit();
    for (const worker of ['a', 'b', 'c']) await service.submissions.start(id, worker);
    await service.work();
    const job = await service.until(id, { state: 'failed' });
    expect(job).toMatchObject({
      runs: 4,
      error: { code: 'WORKER_LOST', message: '3 workers have died while they ran this load' },
    });
    expect(service.target.calls).toEqual([]);
  });

  it('F61: but is done when the last of them had committed', async () => {
    const service = await start();
    const { id } = await service.submit();
    for (const worker of ['a', 'b', 'c']) await service.submissions.start(id, worker);
    await db.sql('INSERT INTO loaded VALUES ($1)', [id]);
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({ report: { rowsLoaded: 1 } });
  });

  it('is in doubt, not lost again, while the target cannot say what became of it', async () => {
    let isAway = true;
    const service = await start({
      lookUp: () =>
        isAway
          ? Promise.reject(new CopylineError('CONNECT_FAILED', 'refused'))
          : Promise.resolve(reportOf(1)),
    });
    const { id } = await service.submit();
    await service.submissions.start(id, 'dead');
    await service.submissions.cancel(id);
    await service.work();
    for (const runs of [2, 3]) {
      const job = await service.until(id, { state: 'in-doubt', runs });
      expect(job.error).toMatchObject({ code: 'CONNECT_FAILED' });
      if (runs === 3) isAway = false;
      await service.hurry(id);
    }
    expect(await service.until(id, { state: 'done' })).toMatchObject({ runs: 4 });
    expect(service.target.calls).toEqual([]);
  });

  it('an overtaken run writes nothing', async () => {
    const service = await start();
    service.target.script.push(untilAborted);
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'running' });
    const newer = await service.submissions.start(id, 'host:2');
    await service.hurry(id).catch(() => undefined);
    const end = { state: 'done', report: reportOf(9), error: null } as const;
    expect(await service.submissions.finish(id, newer?.runId ?? '', end)).toBe(true);
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await service.submissions.find(id)).toMatchObject({
      state: 'done',
      worker: 'host:2',
      report: { rowsLoaded: 9 },
    });
  });

  it('never keeps a secret in the queue, nor more of the load than its name', async () => {
    const service = await start();
    const { job } = await service.submissions.submit(work({ slot: 'planted-slot' }));
    await within('the enqueue', service.queue.enqueue('load', job.id, payload(job.id)));
    const rows = await db.sql<{ text: string }>(
      'SELECT to_jsonb(j)::text AS text FROM bullmq.job j',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.text).toContain(job.id);
    expect(rows[0]?.text).not.toContain('planted-slot');
  });
});
