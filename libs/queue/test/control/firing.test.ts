import { scheduleSpecSchema, type ScheduleSpec, type ScheduleSpecInput } from '@copyline/contracts';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { openControl } from '../support/control.ts';

function spec(more: Partial<ScheduleSpecInput> = {}): ScheduleSpec {
  return scheduleSpecSchema.parse({
    cron: '0 2 * * *',
    overlap: 'allow',
    load: { source: 'inbox:orders.csv', into: 'orders' },
    ...more,
  });
}

const DAY_MS = 86_400_000;
const iso = (time: number): string => new Date(time).toISOString();

describe.each(anyPostgres())('occurrences that have become due, on $name', (server) => {
  const db = useTestDatabase(server);

  /** Time passes: the schedule has been waiting for this nominal time. */
  async function waitingFor(name: string, nominal: string): Promise<void> {
    await db.sql('UPDATE schedule SET next_at = $2 WHERE name = $1', [name, nominal]);
  }

  /** 02:00 UTC, so many days before the last one. */
  function night(daysAgo: number): string {
    const now = Date.now();
    const today = now - (now % DAY_MS) + 7_200_000;
    return iso((today <= now ? today : today - DAY_MS) - daysAgo * DAY_MS);
  }

  it('submit their load once, and wait for the next', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec());
    expect(await schedules.fireDue()).toEqual([]);
    await waitingFor('s', night(0));
    const fired = await schedules.fireDue();
    expect(fired).toMatchObject([
      { state: 'queued', schedule: { name: 's', nominalAt: night(0) } },
    ]);
    expect(await schedules.fireDue()).toEqual([]);
    expect(await schedules.get('s')).toMatchObject({
      nextAt: night(-1),
      lastOccurrence: { nominalAt: night(0), outcome: 'submitted', jobId: fired[0]?.id },
    });
    expect((await submissions.list({ limit: 9 })).jobs).toEqual(fired);
  });

  it('F60: make up for the latest only, and tell of those that were missed', async () => {
    const { schedules } = await openControl(db);
    await schedules.put('s', spec());
    await waitingFor('s', night(3));
    expect(await schedules.fireDue()).toMatchObject([{ schedule: { nominalAt: night(0) } }]);
    expect(await schedules.occurrences('s', 9)).toMatchObject([
      { nominalAt: night(0), outcome: 'submitted', trigger: 'cron' },
      { nominalAt: night(1), outcome: 'missed', trigger: 'cron', jobId: null },
      { nominalAt: night(2), outcome: 'missed' },
      { nominalAt: night(3), outcome: 'missed' },
    ]);
    expect((await schedules.get('s')).nextAt).toBe(night(-1));
  });

  it('F59: are left out with overlap “skip”, and the next one comes', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec({ overlap: 'skip' }));
    await waitingFor('s', night(1));
    await db.sql(`UPDATE schedule SET spec = jsonb_set(spec, '{cron}', '"0 2 * * *"')`);
    const { job } = await schedules.runNow('s');
    expect(await schedules.fireDue()).toEqual([]);
    expect((await schedules.get('s')).nextAt).toBe(night(-1));
    expect((await schedules.occurrences('s', 9)).map(({ outcome }) => outcome)).toEqual([
      'submitted',
      'skipped',
      'missed',
    ]);
    await submissions.cancel(job?.id ?? '');
  });

  it('F58: happen once although two schedulers and twenty restarts see them come', async () => {
    await openControl(db);
    const { schedules, submissions } = await openControl(db);
    const names = Array.from({ length: 5 }, (_, i) => `s${String(i)}`);
    for (const name of names) {
      await schedules.put(name, spec());
      await waitingFor(name, night(1));
    }
    for (let restart = 0; restart < 20; restart += 1) {
      const [one, two] = [await openControl(db), await openControl(db)];
      // A service that starts puts the schedules of its configuration again.
      if (restart === 10) for (const name of names) await one.schedules.put(name, spec());
      await Promise.all([one.schedules.fireDue(), two.schedules.fireDue()]);
      await Promise.all([one.database.close(), two.database.close()]);
    }
    const { jobs } = await submissions.list({ limit: 99 });
    expect(jobs.map(({ schedule }) => schedule?.name).sort()).toEqual(names);
    expect(new Set(jobs.map(({ schedule }) => schedule?.nominalAt))).toEqual(new Set([night(0)]));
  });

  it('never happen twice, and hold nobody up, when the clock is set back', async () => {
    const { schedules, submissions } = await openControl(db);
    for (const name of ['a', 'b']) await schedules.put(name, spec());
    await waitingFor('a', night(1));
    await schedules.fireDue();
    await waitingFor('a', night(1));
    await waitingFor('b', night(0));
    expect(await schedules.fireDue()).toMatchObject([{ schedule: { name: 'b' } }]);
    expect((await submissions.list({ limit: 9 })).jobs).toHaveLength(2);
    expect((await schedules.get('a')).nextAt).toBe(night(-1));
  });

  it('of every second, missed for a month, take neither long nor much room', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec({ cron: '* * * * * *' }));
    const monthAgo = Date.now() - 30 * DAY_MS;
    await waitingFor('s', iso(monthAgo - (monthAgo % 1_000)));
    const fired = await schedules.fireDue();
    const nominal = Date.parse(fired[0]?.schedule?.nominalAt ?? '');
    expect(nominal).toBeGreaterThan(monthAgo + 29 * DAY_MS);
    expect(nominal).toBeLessThanOrEqual(Date.now());
    const [row] = await db.sql<{ n: number }>(
      `SELECT count(*)::int4 AS n FROM occurrence WHERE outcome = 'missed'`,
    );
    expect(row?.n).toBeGreaterThan(900);
    expect(row?.n).toBeLessThan(1_100);
    // While it took its time the next one became due.
    const { jobs } = await submissions.list({ limit: 99 });
    const times = jobs.map(({ schedule }) => schedule?.nominalAt);
    expect(new Set(times).size).toBe(times.length);
  });

  it('of every second, missed for twenty minutes, do not hold everything up', async () => {
    const { schedules } = await openControl(db);
    await schedules.put('s', spec({ cron: '* * * * * *' }));
    const ago = Date.now() - 20 * 60_000;
    await waitingFor('s', iso(ago - (ago % 1_000)));
    expect((await schedules.fireDue()).length).toBeGreaterThanOrEqual(1);
  });
});
