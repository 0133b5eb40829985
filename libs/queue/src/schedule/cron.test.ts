import { describe, expect, it } from 'vitest';

import { assertCron, nextNominal, whatIsDue } from './cron.ts';

const utc = (cron: string) => ({ cron, timeZone: 'UTC' });
const berlin = (cron: string) => ({ cron, timeZone: 'Europe/Berlin' });

/** The next so many nominal times after an instant. */
function series(when: Parameters<typeof nextNominal>[0], after: string, count: number): string[] {
  const times: string[] = [];
  let last = new Date(after);
  while (times.length < count) {
    last = nextNominal(when, last) ?? new Date(Number.NaN);
    times.push(last.toISOString());
  }
  return times;
}

describe('nominal times', () => {
  it('F57: an hour that the change of the clocks leaves out is made up for', () => {
    expect(series(berlin('30 2 * * *'), '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:30:00.000Z', // 03:30 in Berlin
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('F57: an hour that comes twice happens once', () => {
    expect(series(berlin('30 2 * * *'), '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z', // the first of the two
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('F57: every half hour is every half hour, whatever the clocks say', () => {
    const times = series(berlin('*/30 * * * *'), '2026-10-24T23:00:00Z', 6).map(Date.parse);
    expect(times.slice(1).map((time, i) => time - (times[i] ?? 0))).toEqual(
      Array(5).fill(1_800_000),
    );
  });

  it('F57: 29 February comes in leap years', () => {
    expect(series(utc('0 0 29 2 *'), '2026-01-01T00:00:00Z', 2)).toEqual([
      '2028-02-29T00:00:00.000Z',
      '2032-02-29T00:00:00.000Z',
    ]);
  });

  it('six fields begin with seconds', () => {
    expect(series(utc('*/20 0 12 * * *'), '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-01-01T12:00:00.000Z',
      '2026-01-01T12:00:20.000Z',
    ]);
  });

  it.each([
    '0 2 * * *',
    '*/5 * * * *',
    '0 0 29 2 *',
    '0 0 * * THU',
    '0 0 1 MAR *',
    '0 0 L * *',
    ' 0  2 * * * ',
  ])('accepts “%s”', (cron) => {
    expect(() => assertCron(berlin(cron))).not.toThrow();
  });

  it.each([
    '',
    '* * * *',
    '@daily',
    '61 * * * *',
    '0 0 31 2 *',
    'H * * * *',
    '0 h * * *',
    '0 1,H * * *',
    'x y z a b',
  ])('refuses “%s”, naming the field', (cron) => {
    expect(() => assertCron(utc(cron))).toThrow(/^cron: /);
  });

  it('refuses a time zone that is none, naming the field', () => {
    expect(() => assertCron({ cron: '0 2 * * *', timeZone: 'Mars/Olympus' })).toThrow(
      'timeZone: Mars/Olympus is not a time zone, like Europe/Berlin',
    );
  });
});

describe('what is due', () => {
  const now = new Date('2026-06-15T10:30:00.500Z');
  const ago = (ms: number): Date => new Date(Math.floor((now.getTime() - ms) / 1_000) * 1_000);
  const MINUTE = 60_000;
  const DAY = 86_400_000;

  it('is nothing before its time', () => {
    expect(whatIsDue(utc('0 2 * * *'), new Date('2026-06-16T02:00:00Z'), now)).toBeUndefined();
  });

  it('is the latest, with those before it', () => {
    expect(whatIsDue(utc('0 2 * * *'), new Date('2026-06-13T02:00:00Z'), now)).toEqual({
      nominalAt: new Date('2026-06-15T02:00:00Z'),
      missed: [new Date('2026-06-13T02:00:00Z'), new Date('2026-06-14T02:00:00Z')],
    });
  });

  /** Whatever was missed: never a time to come, no time twice, in order, and a bounded number. */
  it.each([
    ['every second for a month', '* * * * * *', ago(30 * DAY), ago(0)],
    ['every second for 16 minutes', '* * * * * *', ago(16 * MINUTE), ago(0)],
    ['every second for 20 minutes', '* * * * * *', ago(20 * MINUTE), ago(0)],
    ['every second for 17 hours', '* * * * * *', ago(1_000 * MINUTE), ago(0)],
    [
      'every minute for a year',
      '* * * * *',
      ago(365 * DAY - 500),
      new Date('2026-06-15T10:30:00Z'),
    ],
    [
      'every hour for a year',
      '0 * * * *',
      new Date('2025-06-15T00:00:00Z'),
      new Date('2026-06-15T10:00:00Z'),
    ],
    [
      'every hour for ten years',
      '0 * * * *',
      new Date('2016-06-15T00:00:00Z'),
      new Date('2026-06-15T10:00:00Z'),
    ],
    [
      'every day for ten years',
      '0 12 * * *',
      new Date('2016-06-15T12:00:00Z'),
      new Date('2026-06-14T12:00:00Z'),
    ],
    [
      'an hour of seconds a day',
      '* * 3 * * *',
      new Date('2026-06-13T03:00:00Z'),
      new Date('2026-06-15T03:59:59Z'),
    ],
  ])('finds the latest of %s', (_, cron, first, latest) => {
    const due = whatIsDue(utc(cron), first, now);
    expect(due?.nominalAt).toEqual(latest);
    const times = [...(due?.missed ?? []), due?.nominalAt ?? now].map((time) => time.getTime());
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(times.length).toBeLessThanOrEqual(1_001);
  });
});
