import type { Job } from '@copyline/contracts';
import { expect, test } from 'vitest';

import { ago, sampleJob } from '../../test/sample-job.ts';
import {
  applySnapshot,
  countByState,
  inState,
  mergeJobs,
  newestFirst,
  PAGE_SIZE,
  type Jobs,
} from './jobs.ts';

const list = (...jobs: Job[]): Jobs => new Map(jobs.map((job) => [job.id, job]));
const ids = (jobs: Jobs): string[] => newestFirst(jobs.values()).map((job) => job.id);

test('the higher revision wins, whatever comes last', () => {
  const old = sampleJob({ revision: 4, state: 'running' });
  const newer = sampleJob({ revision: 5, state: 'done' });
  expect(mergeJobs(list(old), [newer]).get(old.id)?.state).toBe('done');
  expect(mergeJobs(list(newer), [old]).get(old.id)?.state).toBe('done');
});

test('merging leaves the known list as it was', () => {
  const known = list(sampleJob());
  mergeJobs(known, [sampleJob({ id: 'b' })]);
  expect(ids(known)).toHaveLength(1);
});

test('the newest comes first, and equal times keep one order', () => {
  const a = sampleJob({ id: 'a', createdAt: ago(9) });
  const b = sampleJob({ id: 'b', createdAt: ago(3) });
  const c = sampleJob({ id: 'c', createdAt: ago(3) });
  expect(ids(list(a, b, c))).toEqual(['c', 'b', 'a']);
  expect(ids(list(c, a, b))).toEqual(['c', 'b', 'a']);
});

test('a short list is the whole truth: what it lacks is gone', () => {
  const gone = sampleJob({ id: 'gone', createdAt: ago(500) });
  const kept = sampleJob({ id: 'kept' });
  expect(ids(applySnapshot(list(gone, kept), [kept]))).toEqual(['kept']);
  expect(ids(applySnapshot(list(gone), []))).toEqual([]);
});

test('a full list says nothing about runs that are older than its last', () => {
  const page = Array.from({ length: PAGE_SIZE }, (_, index) =>
    sampleJob({ id: `p${index}`, createdAt: ago(100 + index) }),
  );
  const older = sampleJob({ id: 'older', createdAt: ago(9000) });
  const gone = sampleJob({ id: 'gone', createdAt: ago(150.5) });
  const after = applySnapshot(list(older, gone), page);
  expect(after.has('older')).toBe(true);
  expect(after.has('gone')).toBe(false);
  expect(after.size).toBe(PAGE_SIZE + 1);
});

test('a list that was on its way does not undo a later change', () => {
  const done = sampleJob({ state: 'done', revision: 9 });
  const stale = sampleJob({ state: 'running', revision: 8 });
  expect(applySnapshot(list(done), [stale]).get(done.id)?.state).toBe('done');
});

test('filters and counts go by state', () => {
  const jobs = [sampleJob(), sampleJob({ id: 'b', state: 'failed' })];
  expect(inState(jobs, 'failed').map((job) => job.id)).toEqual(['b']);
  expect(inState(jobs, null)).toHaveLength(2);
  expect([...countByState(jobs)]).toEqual([
    ['queued', 1],
    ['failed', 1],
  ]);
});
