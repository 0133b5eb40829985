import { postgres18, startPostgres, useOwnDatabase, waitFor, within } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { SubmissionRunner } from '../../src/index.ts';
import { openBackend, openWorker } from '../support/backends.ts';
import { failing, startService, untilAborted, type Service } from '../support/runner.ts';

const LONG_MS = 30_000;

describe('a submission that is to end', () => {
  const db = useOwnDatabase(postgres18());
  const setting = () => ({ kind: 'postgres', target: db.url() }) as const;
  const start = (options?: Parameters<typeof startService>[2]): Promise<Service> =>
    startService(db, setting(), options);

  it('F73: is cancelled while it runs: rolled back', async () => {
    const service = await start();
    service.target.script.push(untilAborted);
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'running' });
    expect(await service.submissions.cancel(id)).toMatchObject({ state: 'running' });
    expect(await service.until(id, { state: 'cancelled' })).toMatchObject({
      runs: 1,
      error: { code: 'JOB_CANCELLED' },
    });
    expect(await service.target.owners()).toEqual([]);
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
  });

  it('F73: is done when it was cancelled too late', async () => {
    const service = await start();
    service.target.script.push(async (request, run) => {
      await untilAborted(request, run);
      return service.target.commit(request, run);
    });
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'running' });
    await service.submissions.cancel(id);
    expect(await service.until(id, { state: 'done' })).toMatchObject({ cancelRequested: true });
    expect(await service.target.owners()).toEqual([id]);
  });

  it('F73: is cancelled while it is queued: no worker runs it', async () => {
    const service = await start();
    const { id } = await service.submit();
    expect(await service.submissions.cancel(id)).toMatchObject({ state: 'cancelled' });
    await service.work();
    const { id: next } = await service.submit();
    await service.until(next, { state: 'done' });
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await service.target.owners()).toEqual([next]);
  });

  it('F73: is cancelled while it waits', async () => {
    const service = await start();
    service.target.script.push(failing('CONNECTION_LOST'));
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'waiting' });
    await service.submissions.cancel(id);
    await service.hurry(id);
    await waitFor('the board', async () => (await service.queue.stateOf(id)) === 'ended');
    expect(await service.submissions.find(id)).toMatchObject({ state: 'cancelled', runs: 1 });
    expect(service.target.calls).toHaveLength(1);
  });

  it.each([
    ['committed: done', true, 'done'],
    ['rolled back: cancelled', false, 'cancelled'],
  ] as const)('F73: is cancelled in doubt, and was %s', async (_, isCommitted, state) => {
    const service = await start();
    service.target.script.push(async (request, run) => {
      if (isCommitted) await service.target.commit(request, run);
      return failing('IN_DOUBT')(request, run);
    });
    await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'in-doubt' });
    expect(await service.submissions.cancel(id)).toMatchObject({ state: 'in-doubt' });
    await service.hurry(id);
    await service.until(id, { state });
    expect(service.target.calls).toHaveLength(1);
    expect(await service.target.owners()).toEqual(isCommitted ? [id] : []);
  });

  it('F5: goes back to the queue when its worker stops, and is run by another', async () => {
    const service = await start({ retry: { attempts: 1 } });
    service.target.script.push(untilAborted);
    const worker = await service.work();
    const { id } = await service.submit();
    await service.until(id, { state: 'running' });
    expect(await within('the worker to close', worker.close(0, LONG_MS))).toBe(true);
    expect(await service.submissions.find(id)).toMatchObject({ state: 'queued', error: null });
    expect(await service.queue.stateOf(id)).toBe('pending');

    const other = await openBackend(setting());
    await openWorker(other, (delivery) => service.runner.run(delivery));
    expect(await service.until(id, { state: 'done' })).toMatchObject({ runs: 2 });
    expect(await service.target.owners()).toEqual([id]);
  });

  it('is ended in the control database although that was away at the end of its run', async () => {
    const away = await startPostgres();
    const service = await startService(db, setting(), {}, away);
    service.target.script.push(async (request, run) => {
      await away.stop();
      return service.target.commit(request, run);
    });
    // Submitted first: the submission itself must not meet the server that is away.
    const { id } = await service.submit();
    await service.work();
    await waitFor('the commit', async () => (await service.target.owners()).length === 1);
    expect(await service.queue.stateOf(id)).toBe('active');
    await away.start();
    const job = await service.until(id, { state: 'done' }, { timeoutMs: 20_000 });
    expect(job).toMatchObject({ runs: 1, report: { rowsLoaded: 1, deduplicated: false } });
    expect(service.target.calls).toHaveLength(1);
  });

  it('does not end because a sign of life cannot be written', async () => {
    const away = await startPostgres();
    const service = await startService(db, setting(), {}, away);
    expect(service.runner).toBeInstanceOf(SubmissionRunner);
    let isAborted = false;
    service.target.script.push(async (request, run) => {
      run.onProgress({ phase: 'copy', bytesRead: 1, bytesTotal: 2, rowsParsed: 1 });
      await away.stop();
      await away.start();
      isAborted = run.signal.aborted;
      return service.target.commit(request, run);
    });
    const { id } = await service.submit();
    await service.work();
    await service.until(id, { state: 'done', runs: 1 }, { timeoutMs: 30_000 });
    expect(isAborted).toBe(false);
  });
});
