import type { Job, JobState } from '@copyline/contracts';
import { expect, test } from 'vitest';

import { sampleError, sampleJob } from '../../test/sample-job.ts';
import { announcementOf } from './announcements.ts';

const list = (...jobs: Job[]) => new Map(jobs.map((job) => [job.id, job]));
const inState = (id: string, state: JobState) => sampleJob({ id, state });

test('an end and its reason are told', () => {
  const failed = sampleJob({ state: 'failed', error: sampleError() });
  expect(announcementOf(list(sampleJob({ state: 'running' })), list(failed))).toBe(
    'inbox:airports.csv into embedded · airports: failed, VALUE_REFUSED.',
  );
});

test('new runs, beginnings and progress are not', () => {
  expect(announcementOf(list(), list(inState('a', 'done')))).toBe('');
  expect(announcementOf(list(inState('a', 'queued')), list(inState('a', 'running')))).toBe('');
  expect(announcementOf(list(inState('a', 'running')), list(inState('a', 'running')))).toBe('');
});

test('many at once are a number', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const before = list(...ids.map((id) => inState(id, 'running')));
  const after = list(...ids.map((id) => inState(id, 'done')));
  expect(announcementOf(before, after)).toBe('4 runs have changed state.');
});
