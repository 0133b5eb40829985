import { scheduleSpecSchema } from '@copyline/contracts';
import { describe, expect, it } from 'vitest';

import { sinkAt, workOf } from './occurrence-work.ts';

const NIGHT = new Date('2026-11-21T23:30:00.000Z');

describe('the sink of an occurrence', () => {
  it.each([
    ['outbox:orders.csv', 'UTC', 'outbox:orders.csv'],
    ['outbox:orders-{date}.csv', 'UTC', 'outbox:orders-2026-11-21.csv'],
    ['outbox:orders-{date}.csv', 'Europe/Berlin', 'outbox:orders-2026-11-22.csv'],
    ['outbox:{date}/{instant}.csv', 'Asia/Tokyo', 'outbox:2026-11-22/20261121T233000Z.csv'],
  ])('%s in %s is %s', (name, timeZone, expected) => {
    expect(sinkAt(name, NIGHT, timeZone)).toBe(expected);
  });

  it('of an occurrence out of turn has its milliseconds', () => {
    const now = new Date('2026-11-21T23:30:00.070Z');
    expect(sinkAt('outbox:{instant}', now, 'UTC')).toBe('outbox:20261121T233000.070Z');
  });
});

describe('a schedule', () => {
  const extract = { from: { table: 't' }, to: 'outbox:t-{date}.csv' };
  const load = { source: 'inbox:t.csv', into: 't' };
  const cron = '0 2 * * *';

  it('submits an extract, or a load', () => {
    const of = (what: object): unknown =>
      workOf(scheduleSpecSchema.parse({ cron, ...what }), NIGHT);
    expect(of({ extract })).toMatchObject({
      type: 'extract',
      extract: { to: 'outbox:t-2026-11-21.csv', overwrite: false, connection: 'embedded' },
    });
    expect(of({ load, dedupe: 'occurrence' })).toMatchObject({
      type: 'load',
      load: { slot: NIGHT.toISOString() },
    });
  });

  it.each([
    ['neither', {}, 'load'],
    ['both', { load, extract }, 'load'],
    ['deduplicated extracts', { extract, dedupe: 'occurrence' }, 'dedupe'],
    [
      'braces that stand for nothing',
      { extract: { ...extract, to: 'outbox:{hour}.csv' } },
      'extract',
    ],
    ['a way out', { extract: { ...extract, to: 'outbox:{date}/../x' } }, 'extract'],
  ])('does not submit %s', (_, what, field) => {
    const { error } = scheduleSpecSchema.safeParse({ cron, ...what });
    expect(error?.issues.map(({ path }) => path[0])).toEqual([field]);
  });
});
