import { CopylineError } from '@copyline/contracts';
import { postgres18, useOwnDatabase, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { failing, startService, untilAborted, type Service } from '../support/runner.ts';

describe('a submission with a run of which nobody has heard how it ended', () => {
  const db = useOwnDatabase(postgres18());

  /** The first worker stands still: it has lost the job, and its session in the target lives. */
  async function start(
    options?: Parameters<typeof startService>[2],
  ): Promise<{ service: Service; id: string; wake: () => Promise<CopylineError | undefined> }> {
    const setting = { kind: 'postgres', target: db.url() } as const;
    const service = await startService(db, setting, options);
    const { id, load } = await service.submit();
    await service.submissions.start(id, 'host:frozen');
    const wake = async () => {
      const { error } = await service.target.commit(load, {
        ...{ owner: id, whenBusy: { action: 'fail', timeoutMs: 0 } },
        ...{ onProgress: () => undefined, signal: new AbortController().signal },
      });
      return error;
    };
    return { service, id, wake };
  }

  it('is cancelled while its source is held, and then that run cannot commit', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(failing('LOAD_BUSY'));
    await service.work();
    await service.until(id, { state: 'waiting' });

    expect(await service.submissions.cancel(id)).toMatchObject({
      ...{ state: 'waiting', cancelRequested: true, finishedAt: null },
    });
    await service.queue.hurry(id);
    await service.until(id, { state: 'cancelled' });
    expect(await wake()).toMatchObject({ code: 'LOAD_SUPERSEDED' });
    expect(await service.target.owners()).toEqual([]);
    expect(service.target.calls).toHaveLength(1);
  });

  it('is done when that run commits before the cancel is carried out', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(failing('LOAD_BUSY'));
    await service.work();
    await service.until(id, { state: 'waiting' });
    await service.submissions.cancel(id);
    expect(await wake()).toBeUndefined();
    await service.queue.hurry(id);
    await service.until(id, { state: 'done' });
    expect(await service.target.owners()).toEqual([id]);
  });

  it('is cancelled while it is run again, and then neither run can commit', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(untilAborted);
    await service.work();
    await service.until(id, { state: 'running', runs: 2 });
    await service.submissions.cancel(id);
    await service.until(id, { state: 'cancelled' });
    expect(await wake()).toMatchObject({ code: 'LOAD_SUPERSEDED' });
  });

  it('has failed for good, and then that run cannot commit', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(failing('SOURCE_NOT_FOUND'));
    await service.work();
    expect(await service.until(id, { state: 'failed' })).toMatchObject({
      error: { code: 'SOURCE_NOT_FOUND' },
    });
    expect(await wake()).toMatchObject({ code: 'LOAD_SUPERSEDED' });
    expect(await service.target.owners()).toEqual([]);
  });

  it('is done, not failed, when that run has committed', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(async (request, run) => {
      await wake();
      return failing('SOURCE_NOT_FOUND')(request, run);
    });
    await service.work();
    expect(await service.until(id, { state: 'done' })).toMatchObject({
      ...{ runs: 2, error: null, report: { rowsLoaded: 1 } },
    });
  });

  it('is in doubt, not failed, while the target cannot be asked', async () => {
    let isAway = true;
    const refused = new CopylineError('CONNECT_FAILED', 'refused');
    const { service, id } = await start({
      retry: { attempts: 1 },
      lookUp: () => (isAway ? Promise.reject(refused) : Promise.resolve(undefined)),
    });
    const away = failing('CONNECT_FAILED');
    service.target.script.push(away, away);
    await service.work();
    await service.until(id, { state: 'in-doubt' });
    isAway = false;
    await service.queue.hurry(id);
    expect(await service.until(id, { state: 'failed' })).toMatchObject({ runs: 3 });
  });

  it('is not failed because COMMIT was in doubt and the target is away since', async () => {
    const setting = { kind: 'postgres', target: db.url() } as const;
    const service = await startService(db, setting, { retry: { attempts: 2 } });
    service.target.script.push(async (request, run) => {
      await service.target.commit(request, run);
      return failing('IN_DOUBT')(request, run);
    }, failing('CONNECT_FAILED'));
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'in-doubt' });
    await service.queue.hurry(id);
    expect(await service.until(id, { state: 'done' })).toMatchObject({ runs: 2 });
  });

  it('is left to a newer run by one that has been overtaken', async () => {
    const { service, id, wake } = await start();
    service.target.script.push(async (request, run) => {
      await service.submissions.start(id, 'host:newest');
      return failing('SOURCE_NOT_FOUND')(request, run);
    });
    const worker = await service.work();
    await service.until(id, { worker: 'host:newest' });
    await waitFor('the run to end', () => worker.running === 0);
    // What it would have closed is open to those who speak for the job.
    expect(await wake()).toBeUndefined();
    expect(await service.submissions.find(id)).toMatchObject({ state: 'running' });
  });
});
