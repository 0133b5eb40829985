import { describe, expect, it } from 'vitest';

import { ProgressMeter, type Step } from './progress-meter.ts';

const step = (bytesRead: number, more: Partial<Step> = {}): Step => ({
  ...{ phase: 'copy', bytesRead, bytesTotal: 1_000, rowsParsed: bytesRead / 10 },
  ...more,
});

describe('a progress meter', () => {
  it('knows no rate until there is something to measure', () => {
    const meter = new ProgressMeter();
    const unknown = { bytesPerSecond: null, rowsPerSecond: null, secondsLeft: null };
    expect(meter.measure(step(0), 0)).toEqual({ ...step(0), ...unknown });
    expect(meter.measure(step(10), 399)).toMatchObject(unknown);
    expect(meter.measure(step(40), 400)).toMatchObject({ bytesPerSecond: 100, rowsPerSecond: 10 });
  });

  it('tells the time left at the present rate', () => {
    const meter = new ProgressMeter();
    meter.measure(step(0), 0);
    expect(meter.measure(step(200), 2_000)).toMatchObject({ bytesPerSecond: 100, secondsLeft: 8 });
    expect(meter.measure(step(1_000), 4_000)).toMatchObject({ secondsLeft: 0 });
  });

  it('forgets what is longer ago than its window', () => {
    const meter = new ProgressMeter();
    meter.measure(step(0), 0);
    for (let second = 1; second <= 30; second += 1) {
      meter.measure(step(second <= 10 ? second * 50 : 500 + second), second * 1_000);
    }
    expect(meter.measure(step(531), 31_000)).toMatchObject({ bytesPerSecond: 1 });
  });

  it('stands still without a time left', () => {
    const meter = new ProgressMeter();
    meter.measure(step(500), 0);
    expect(meter.measure(step(500), 5_000)).toMatchObject({ bytesPerSecond: 0, secondsLeft: null });
  });

  it('begins anew with each phase, and after a step back', () => {
    const meter = new ProgressMeter();
    meter.measure(step(0, { phase: 'plan' }), 0);
    meter.measure(step(900, { phase: 'plan' }), 1_000);
    expect(meter.measure(step(0), 1_001)).toMatchObject({ bytesPerSecond: null });
    expect(meter.measure(step(100), 2_001)).toMatchObject({ bytesPerSecond: 100 });
    expect(meter.measure(step(0), 3_001).bytesPerSecond).toBe(0);
  });

  it('says nothing of the time left when the source is larger than was known', () => {
    const meter = new ProgressMeter();
    meter.measure(step(0), 0);
    expect(meter.measure(step(2_000), 1_000)).toMatchObject({ secondsLeft: null });
  });
});
