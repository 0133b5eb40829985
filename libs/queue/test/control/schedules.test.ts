import { scheduleSpecSchema, type ScheduleSpec, type ScheduleSpecInput } from '@copyline/contracts';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { openControl } from '../support/control.ts';

const NIGHTLY = '0 2 * * *';

function spec(more: Partial<ScheduleSpecInput> = {}): ScheduleSpec {
  return scheduleSpecSchema.parse({
    cron: NIGHTLY,
    load: { source: 'inbox:orders.csv', into: 'orders' },
    ...more,
  });
}

describe.each(anyPostgres())('schedules on $name', (server) => {
  const db = useTestDatabase(server);

  it('are put, found, listed, replaced and removed', async () => {
    const { schedules } = await openControl(db);
    const { schedule, isNew } = await schedules.put('nightly', spec());
    expect({ schedule, isNew }).toMatchObject({
      isNew: true,
      schedule: { name: 'nightly', cron: NIGHTLY, timeZone: 'UTC', lastOccurrence: null },
    });
    expect(schedule.nextAt).toMatch(/T02:00:00\.000Z$/);
    expect(Date.parse(schedule.nextAt ?? '')).toBeGreaterThan(Date.parse(schedule.createdAt));
    await schedules.put('hourly', spec({ cron: '0 * * * *' }));
    expect((await schedules.list()).map(({ name }) => name)).toEqual(['hourly', 'nightly']);

    const replaced = await schedules.put('nightly', spec({ timeZone: 'Asia/Kolkata' }));
    expect(replaced).toMatchObject({ isNew: false, schedule: { createdAt: schedule.createdAt } });
    expect(replaced.schedule.nextAt).toMatch(/T20:30:00\.000Z$/);
    expect(await schedules.get('nightly')).toEqual(replaced.schedule);

    await schedules.remove('nightly');
    expect((await schedules.list()).map(({ name }) => name)).toEqual(['hourly']);
    for (const request of [
      () => schedules.get('nightly'),
      () => schedules.remove('nightly'),
      () => schedules.setPaused('nightly', true),
      () => schedules.runNow('nightly'),
      () => schedules.occurrences('nightly', 1),
    ]) {
      await expect(request()).rejects.toMatchObject({ code: 'SCHEDULE_NOT_FOUND' });
    }
  });

  it.each([
    ['timeZone', { timeZone: 'Europe/Atlantis' }, 'is not a time zone'],
    ['cron', { cron: '* * * *' }, 'five fields'],
    ['cron', { cron: '* * * * * * *' }, 'five fields'],
    ['cron', { cron: '60 * * * *' }, '0-59'],
    ['cron', { cron: 'a b c d e' }, ''],
    ['cron', { cron: '0 0 31 2 *' }, ''],
    ['cron', { cron: 'H 2 * * *' }, 'by chance'],
  ])('are refused with the name of the field %s: %o', async (field, wrong, said) => {
    const { schedules } = await openControl(db);
    const error: unknown = await schedules
      .put('wrong', spec(wrong))
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'REQUEST_INVALID', place: { column: field } });
    expect(String(error)).toContain(`${field}: `);
    expect(String(error)).toContain(said);
    expect(await schedules.list()).toEqual([]);
  });

  it('do not happen while they are paused, and go on from now', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec());
    expect(await schedules.setPaused('s', true)).toMatchObject({ paused: true, nextAt: null });
    expect(await schedules.fireDue()).toEqual([]);
    const resumed = await schedules.setPaused('s', false);
    expect(resumed.paused).toBe(false);
    expect(Date.parse(resumed.nextAt ?? '')).toBeGreaterThan(Date.parse(resumed.updatedAt));
    const paused = await schedules.put('p', spec({ paused: true }));
    expect(paused.schedule).toMatchObject({ paused: true, nextAt: null });
    expect((await submissions.list({ limit: 9 })).jobs).toEqual([]);
  });

  it('run now when they are told to, also paused ones, each time once', async () => {
    const { schedules, submissions } = await openControl(db, { max: 8 });
    await schedules.put('s', spec({ paused: true, overlap: 'allow' }));
    const { occurrence, job } = await schedules.runNow('s');
    expect(occurrence).toMatchObject({ outcome: 'submitted', trigger: 'manual', jobId: job?.id });
    expect(job).toMatchObject({
      state: 'queued',
      schedule: { name: 's', nominalAt: occurrence.nominalAt },
    });
    expect((await schedules.get('s')).lastOccurrence).toEqual(occurrence);
    const more = await Promise.all(Array.from({ length: 20 }, () => schedules.runNow('s')));
    expect(new Set(more.map(({ occurrence: { nominalAt } }) => nominalAt)).size).toBe(20);
    expect((await submissions.list({ limit: 99 })).jobs).toHaveLength(21);
  });

  it('overlap “skip” leaves an occurrence out while the job of the last has not ended', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec({ overlap: 'skip' }));
    const { job } = await schedules.runNow('s');
    const id = job?.id ?? '';
    const skipped = await schedules.runNow('s');
    expect(skipped.job).toBeUndefined();
    expect(skipped.occurrence).toMatchObject({
      outcome: 'skipped',
      jobId: null,
      reason: `The job ${id} has not ended`,
    });
    await submissions.cancel(id);
    expect((await schedules.runNow('s')).occurrence.outcome).toBe('submitted');
    expect((await schedules.occurrences('s', 2)).map(({ outcome }) => outcome)).toEqual([
      'submitted',
      'skipped',
    ]);
    expect(await schedules.occurrences('s', 99)).toHaveLength(3);
  });

  it('overlap “allow” does not ask', async () => {
    const { schedules } = await openControl(db);
    await schedules.put('s', spec({ overlap: 'allow' }));
    await schedules.runNow('s');
    expect((await schedules.runNow('s')).occurrence.outcome).toBe('submitted');
  });

  it('dedupe “occurrence” makes each its own load, “content” leaves the slot alone', async () => {
    const { schedules } = await openControl(db);
    const load = { source: 'inbox:orders.csv', into: 'orders', slot: 'mine' };
    await schedules.put('each', spec({ dedupe: 'occurrence', load }));
    await schedules.put('once', spec({ dedupe: 'content', load }));
    const each = await schedules.runNow('each');
    expect(each.job).toMatchObject({ load: { slot: each.occurrence.nominalAt } });
    expect((await schedules.runNow('once')).job).toMatchObject({ load: { slot: 'mine' } });
  });

  it('refuse what a newer version does not know any more, and say so', async () => {
    const { schedules } = await openControl(db);
    await schedules.put('s', spec());
    await db.sql(`UPDATE schedule SET spec = jsonb_set(spec, '{load,into}', '""')`);
    expect((await schedules.runNow('s')).occurrence).toMatchObject({
      outcome: 'refused',
      jobId: null,
      reason: expect.stringContaining('not valid any more') as string,
    });
  });

  it('keep their jobs when they are removed', async () => {
    const { schedules, submissions } = await openControl(db);
    await schedules.put('s', spec());
    const { job } = await schedules.runNow('s');
    await schedules.remove('s');
    expect(await submissions.find(job?.id ?? '')).toMatchObject({ schedule: { name: 's' } });
  });
});
