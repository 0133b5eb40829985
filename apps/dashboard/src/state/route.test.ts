import { expect, test } from 'vitest';

import { formatRoute, parseRoute } from './route.ts';

test.each([
  ['#/', { state: null, jobId: null }],
  ['#/?state=failed', { state: 'failed', jobId: null }],
  ['#/jobs/0198c0de-0001', { state: null, jobId: '0198c0de-0001' }],
  ['#/jobs/0198c0de-0001?state=in-doubt', { state: 'in-doubt', jobId: '0198c0de-0001' }],
] as const)('%s is read and written', (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
  expect(formatRoute(route)).toBe(hash);
});

test.each(['', '#', '#/nowhere', '#/?state=nonsense', '#/?state=toString', '#/jobs/../../etc'])(
  '“%s” is the whole list',
  (hash) => {
    expect(parseRoute(hash)).toEqual({ state: null, jobId: null });
  },
);
