import type { ErrorCode } from '@copyline/contracts';
import { describe, expect, test } from 'vitest';

import {
  ago,
  NOW,
  sampleError,
  sampleExtract,
  sampleJob,
  sampleReport,
} from '../../test/sample-job.ts';
import { cancelText, outcomeText } from './outcomes.ts';
import { remarkOn } from './remarks.ts';

describe('the remark on a run', () => {
  test('that is queued says how long it has waited', () => {
    expect(remarkOn(sampleJob(), NOW).text).toBe('waits for a worker');
    const long = sampleJob({ createdAt: ago(75) });
    expect(remarkOn(long, NOW).text).toBe('waits for a worker, 1:15 min so far');
    expect(remarkOn(sampleJob({ runs: 1 }), NOW).text).toBe('put back, waits for a worker');
  });

  test('that waits says why and when it is tried again', () => {
    const error = sampleError({ code: 'LOAD_BUSY', retry: 'busy' });
    const job = sampleJob({ state: 'waiting', error, nextRunAt: ago(-24) });
    expect(remarkOn(job, NOW)).toEqual({
      code: 'LOAD_BUSY',
      text: 'tries again in 24 s',
      tone: 'caution',
    });
  });

  test('that has failed says where, else why', () => {
    const located = sampleError({ line: 4812, column: 'price' });
    expect(remarkOn(sampleJob({ state: 'failed', error: located }), NOW)).toEqual({
      code: 'VALUE_REFUSED',
      text: 'line 4,812, column price',
      tone: 'bad',
    });
    const elsewhere = sampleJob({ state: 'failed', error: sampleError() });
    expect(remarkOn(elsewhere, NOW).text).toBe('The server refused “x” for column price.');
  });

  test('that went well is silent, unless something is worth a look', () => {
    const done = (report = sampleReport()) => sampleJob({ state: 'done', report });
    expect(remarkOn(done(), NOW)).toEqual({ text: '', tone: 'neutral' });
    const twice = done(sampleReport({ deduplicated: true }));
    expect(remarkOn(twice, NOW).text).toBe('already loaded, nothing stored again');
    const warned = done(sampleReport({ warnings: [{ code: 'W', message: 'w' }] }));
    expect(remarkOn(warned, NOW)).toEqual({ text: '1 warning', tone: 'caution' });
  });
});

test('the outcome of a run that waits for a source that is held does not hide who may hold it', () => {
  const waiting = (code: ErrorCode, retry: 'busy' | 'retry') =>
    outcomeText(sampleJob({ state: 'waiting', error: sampleError({ code, retry }) }));
  expect(waiting('LOAD_BUSY', 'busy')).toContain('may be loading right now');
  expect(waiting('CONNECTION_LOST', 'retry')).not.toContain('may be loading');
});

describe('a cancel', () => {
  test('promises nothing of a run that may have been committed', () => {
    expect(cancelText(sampleJob())).toBe('It will not be started. Nothing of it is in the target.');
    for (const state of ['queued', 'waiting', 'in-doubt'] as const) {
      expect(cancelText(sampleJob({ state, runs: 1 }))).toContain('If an earlier attempt');
    }
    expect(cancelText(sampleExtract({ state: 'waiting', runs: 1 }))).toContain('was published');
  });
});

describe('after a cancel', () => {
  test('a run that has not ended is being cancelled', () => {
    const job = sampleJob({ state: 'running', cancelRequested: true });
    expect(remarkOn(job, NOW).text).toBe('cancel requested');
    expect(outcomeText(job)).toContain('unless COMMIT has been sent already');
  });

  test('a run that was committed before is done, and says so', () => {
    const job = sampleJob({ state: 'done', cancelRequested: true, report: sampleReport() });
    expect(remarkOn(job, NOW).text).toBe('committed before the cancel');
    expect(outcomeText(job)).toBe(
      '1,000 rows are in public.airports. COMMIT had been sent before the cancel arrived.',
    );
  });

  test('a cancelled run has loaded nothing', () => {
    const job = sampleJob({ state: 'cancelled', cancelRequested: true });
    expect(outcomeText(job)).toBe('It was cancelled. Nothing is loaded.');
  });
});

describe('the outcome of a failed run', () => {
  test.each([
    ['rolled_back', 'It failed. Nothing is loaded.'],
    ['unknown', 'It failed, and what became of COMMIT is not known.'],
    ['committed', 'It failed after COMMIT: the rows are in the target.'],
  ] as const)('with its transaction %s', (commitState, text) => {
    const job = sampleJob({ state: 'failed', error: sampleError({ commitState }) });
    expect(outcomeText(job)).toBe(text);
  });
});
