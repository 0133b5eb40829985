import { CopylineError, reportError, type LoadRequest } from '@copyline/contracts';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { openControl, reportOf, work } from '../support/control.ts';

describe.each(anyPostgres())('submissions on $name', (server) => {
  const db = useTestDatabase(server);

  it('gives the same job for the same key and load, however it is written', async () => {
    const { submissions } = await openControl(db);
    const first = await submissions.submit(work(), { idempotencyKey: 'k' });
    expect(first).toMatchObject({ isNew: true, isEnqueued: false, job: { state: 'queued' } });
    // Other order of the keys, defaults left out.
    const shuffled = Object.fromEntries(Object.entries(work().load).reverse()) as LoadRequest;
    const bare = { into: 'orders', source: 'inbox:orders.csv' } as LoadRequest;
    for (const load of [work().load, shuffled, bare]) {
      const again = await submissions.submit({ type: 'load', load }, { idempotencyKey: 'k' });
      expect(again).toEqual({ job: first.job, isNew: false, isEnqueued: false });
    }
    await submissions.markEnqueued(first.job.id);
    expect(await submissions.submit(work(), { idempotencyKey: 'k' })).toMatchObject({
      isNew: false,
      isEnqueued: true,
    });
  });

  it('refuses a key that belongs to another load', async () => {
    const { submissions } = await openControl(db);
    await submissions.submit(work(), { idempotencyKey: 'k' });
    for (const other of [work({ into: 'others' }), work({ slot: '2' }), work({ force: true })]) {
      await expect(submissions.submit(other, { idempotencyKey: 'k' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
      });
    }
    expect((await submissions.list({ limit: 9 })).jobs).toHaveLength(1);
  });

  it('makes one job of twenty requests with one key at once, and twenty without', async () => {
    const { submissions } = await openControl(db, { max: 10 });
    const submit = (options: { idempotencyKey?: string }): Promise<string>[] =>
      Array.from({ length: 20 }, async () => (await submissions.submit(work(), options)).job.id);
    const ids = await Promise.all(submit({ idempotencyKey: 'k' }));
    expect(new Set(ids).size).toBe(1);
    const others = await Promise.all(submit({}));
    expect(new Set(others).size).toBe(20);
    const [row] = await db.sql('SELECT count(*)::int4 AS n FROM submission');
    expect(row).toEqual({ n: 21 });
  });

  it('takes back what the queue did not accept, but nothing that it has', async () => {
    const { submissions } = await openControl(db);
    const { job } = await submissions.submit(work(), { idempotencyKey: 'k' });
    expect(await submissions.withdraw(job.id)).toBe(true);
    expect(await submissions.find(job.id)).toBeUndefined();
    expect(await submissions.withdraw(job.id)).toBe(false);
    // The key is free again, for any load.
    const { job: next } = await submissions.submit(work({ slot: '2' }), { idempotencyKey: 'k' });
    await submissions.start(next.id, 'w');
    expect(await submissions.withdraw(next.id)).toBe(false);
    const { job: told } = await submissions.submit(work());
    await submissions.markEnqueued(told.id);
    expect(await submissions.withdraw(told.id)).toBe(false);
  });

  it('lists page by page what was submitted in the same microsecond', async () => {
    const { submissions } = await openControl(db);
    for (let i = 0; i < 25; i += 1) await submissions.submit(work({ slot: String(i) }));
    await db.sql(`UPDATE submission SET created_at = '2026-01-01 00:00:00.123456Z'`);
    const seen: string[] = [];
    const sizes: number[] = [];
    let before: string | undefined;
    do {
      const page = await submissions.list({
        limit: 10,
        ...(before === undefined ? {} : { before }),
      });
      sizes.push(page.jobs.length);
      seen.push(...page.jobs.map(({ id }) => id));
      before = page.next ?? undefined;
    } while (before !== undefined);
    expect(sizes).toEqual([10, 10, 5]);
    expect(new Set(seen).size).toBe(25);
    expect(await submissions.list({ limit: 25 })).toMatchObject({ next: null });
  });

  it('lists the newest first, of the states asked for', async () => {
    const { submissions } = await openControl(db);
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) ids.unshift((await submissions.submit(work())).job.id);
    await submissions.cancel(ids[1] ?? '');
    const list = async (...states: ('queued' | 'cancelled' | 'done')[]): Promise<string[]> =>
      (await submissions.list({ limit: 9, states })).jobs.map(({ id }) => id);
    expect((await submissions.list({ limit: 9 })).jobs.map(({ id }) => id)).toEqual(ids);
    expect(await list('queued')).toEqual([ids[0], ids[2]]);
    expect(await list('cancelled', 'done')).toEqual([ids[1]]);
    expect(await list('done')).toEqual([]);
  });

  it('refuses what is not a cursor', async () => {
    const { submissions } = await openControl(db);
    const id = randomUUID();
    for (const before of ['', 'x', '_', '2026-01-01', `2026-01-01_${id}x`, `x_${id}`, "'; --"]) {
      await expect(submissions.list({ limit: 1, before })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      });
    }
  });

  it('F68: stores an error whatever stands in its excerpt', async () => {
    const { submissions } = await openControl(db);
    const { job } = await submissions.submit(work());
    const run = await submissions.start(job.id, 'w');
    const excerpt = 'a\0b \ud800 \udc00 \u001b[31m \ud83d\udcbe “ü”';
    const error = reportError(
      new CopylineError('VALUE_REFUSED', `refused: ${excerpt}`, { record: 7, excerpt }),
    );
    const report = { ...reportOf(0), warnings: [{ code: 'X', message: '\0' }], error };
    const end = { state: 'failed', report, error } as const;
    expect(await submissions.finish(job.id, run?.runId ?? '', end)).toBe(true);
    const found = await submissions.find(job.id);
    expect(found).toMatchObject({
      state: 'failed',
      error: { record: 7, excerpt: 'a\ufffdb \ufffd \ufffd \u001b[31m 💾 “ü”' },
      report: { warnings: [{ message: '\ufffd' }] },
    });
  });

  it('finds those that changed a moment ago, and counts every change', async () => {
    const { submissions } = await openControl(db);
    const { job: old } = await submissions.submit(work());
    const { job } = await submissions.submit(work());
    await db.sql(`ALTER TABLE submission DISABLE TRIGGER touch`);
    await db.sql(`UPDATE submission SET changed_at = now() - interval '1 h'`);
    await db.sql(`ALTER TABLE submission ENABLE TRIGGER touch`);
    expect(await submissions.changedWithin(60_000)).toEqual([]);
    await submissions.cancel(job.id);
    const changed = await submissions.changedWithin(60_000);
    expect(changed.map(({ id, revision }) => ({ id, revision }))).toEqual([
      { id: job.id, revision: job.revision + 1 },
    ]);
    expect((await submissions.find(old.id))?.revision).toBe(old.revision);
  });
});
