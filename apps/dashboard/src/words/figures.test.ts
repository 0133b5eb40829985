import { expect, test } from 'vitest';

import { ago, NOW, sampleJob, sampleReport } from '../../test/sample-job.ts';
import { accountOf } from './counts.ts';
import { durationOf, figuresOf } from './figures.ts';
import { progressWords } from './progress.ts';
import { unusualSettings } from './settings.ts';

const progress = {
  phase: 'copy',
  bytesRead: 430,
  bytesTotal: 1000,
  rowsParsed: 12,
  bytesPerSecond: 5e6,
  rowsPerSecond: 300,
  secondsLeft: 42.9,
};

test('a running load shows what it reads, at its present rate', () => {
  expect(figuresOf(sampleJob({ state: 'running', progress }))).toEqual({
    rows: 12,
    bytesPerSecond: 5e6,
    rowsPerSecond: 300,
  });
});

test('a finished load shows what is stored, at the rate of its copy', () => {
  expect(figuresOf(sampleJob({ state: 'done', report: sampleReport() }))).toEqual({
    rows: 1000,
    bytesPerSecond: 25_000_000,
    rowsPerSecond: 500,
  });
});

test('a deduplicated load has no rate of its own', () => {
  const report = sampleReport({ deduplicated: true });
  expect(figuresOf(sampleJob({ state: 'done', report }))).toEqual({
    rows: 1000,
    bytesPerSecond: null,
    rowsPerSecond: null,
  });
});

test('a duration ends with the run, and is unknown between two runs', () => {
  const startedAt = ago(60);
  expect(durationOf(sampleJob({ state: 'running', startedAt }), NOW)).toBe(60_000);
  expect(durationOf(sampleJob({ state: 'done', startedAt, finishedAt: ago(50) }), NOW)).toBe(
    10_000,
  );
  expect(durationOf(sampleJob({ state: 'waiting', startedAt }), NOW)).toBeNull();
  expect(durationOf(sampleJob(), NOW)).toBeNull();
});

test('a share is said of phases that read the source, not of others', () => {
  expect(progressWords(progress)).toEqual({ doing: 'copying', percent: 43, left: '42 s left' });
  expect(progressWords({ ...progress, phase: 'commit', bytesRead: 0 })).toEqual({
    doing: 'committing',
    percent: null,
    left: null,
  });
  expect(progressWords(null)).toEqual({ doing: 'starting', percent: null, left: null });
});

test('an account adds up, or says that it does not', () => {
  const report = sampleReport({ rowsParsed: 1008, rowsSuppressed: 8 });
  expect(accountOf(report).isBalanced).toBe(true);
  expect(accountOf({ ...report, rowsSkipped: 1 }).isBalanced).toBe(false);
});

test('only settings that differ from the defaults are listed', () => {
  const job = sampleJob();
  const { load } = job;
  expect(unusualSettings(job)).toEqual([]);
  const dialect = { ...load.dialect, delimiter: '\t', header: false };
  expect(unusualSettings({ ...job, load: { ...load, create: true, dialect } })).toEqual([
    ['Table', 'created when it does not exist'],
    ['Delimiter', '\\t'],
    ['Header', 'none'],
  ]);
});
