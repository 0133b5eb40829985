import { expect, test } from 'vitest';

import { bytesText, countText, percentOf, plural, rateText } from './numbers.ts';

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_234_567_890, '1,234,567,890'],
  [1234.6, '1,235'],
])('the count %d is written %s', (count, text) => {
  expect(countText(count)).toBe(text);
});

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [48_210_000, '48.2 MB'],
  [4_812_336_128, '4.81 GB'],
])('%d bytes are written %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test('rates are all in one unit', () => {
  expect(rateText(48_210_000)).toBe('48.2 MB/s');
  expect(rateText(1_234_567_890)).toBe('1234.6 MB/s');
  expect(rateText(12_000)).toBe('0.01 MB/s');
});

test('one of a kind has no s', () => {
  expect([plural(1, 'worker'), plural(0, 'worker'), plural(1200, 'row')]).toEqual([
    '1 worker',
    '0 workers',
    '1,200 rows',
  ]);
});

test('100 % is said only when everything is read', () => {
  expect(percentOf(999, 1000)).toBe(99);
  expect(percentOf(1000, 1000)).toBe(100);
  expect(percentOf(1100, 1000)).toBe(100);
  expect(percentOf(5, 0)).toBe(0);
});
