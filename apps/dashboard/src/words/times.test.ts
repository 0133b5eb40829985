import { expect, test } from 'vitest';

import { ago, NOW } from '../../test/sample-job.ts';
import { absoluteText, agoText, durationText, tickingText, untilText } from './times.ts';

test.each([
  [0.4, '0 ms'],
  [840, '840 ms'],
  [12_440, '12.4 s'],
  [59_949, '59.9 s'],
  [59_960, '1:00 min'],
  [187_000, '3:07 min'],
  [3_731_000, '1:02:11 h'],
])('%d ms took %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([
  [-50, '0 s'],
  [940, '0 s'],
  [42_900, '42 s'],
  [61_000, '1:01 min'],
])('%d ms so far are %s', (ms, text) => {
  expect(tickingText(ms)).toBe(text);
});

test.each([
  [-90, 'just now'],
  [1, 'just now'],
  [12, '12 s ago'],
  [3599, '59 min ago'],
  [2 * 3600, '2 h ago'],
])('%d s before now is %s', (seconds, text) => {
  expect(agoText(ago(seconds), NOW)).toBe(text);
});

test('what is older than a day has a date, and a year when that is another one', () => {
  expect(agoText(ago(4 * 86_400), NOW)).toMatch(/^17 Nov, \d\d:\d\d$/);
  expect(agoText(ago(400 * 86_400), NOW)).toMatch(/^1[78] Oct 2025$/);
});

test('a time to come counts down to now', () => {
  expect(untilText(ago(-24), NOW)).toBe('in 24 s');
  expect(untilText(ago(-252), NOW)).toBe('in 4:12 min');
  expect(untilText(ago(5), NOW)).toBe('now');
});

test('an instant is told to the second, with its zone', () => {
  expect(absoluteText(ago(0))).toMatch(/^2026-11-2[12] \d\d:\d\d:00 UTC([+−]\d\d:\d\d)?$/);
});
