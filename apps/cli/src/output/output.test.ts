import { CopylineError, refusedReport, reportError } from '@copyline/contracts';
import { describe, expect, it } from 'vitest';

import { errorText, stackText } from './error-text.ts';
import { bytesText, durationText } from './numbers.ts';
import { progressText } from './progress-line.ts';
import { tableText } from './table.ts';

describe('numbers', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.00 kB'],
    [12_345_678, '12.3 MB'],
    [5e9, '5.00 GB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [12_340, '12.3 s'],
    [125_000, '2:05 min'],
  ])('%d ms are %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});

describe('the progress line', () => {
  it('shows part, bytes, rows, rate and what is left', () => {
    const step = { phase: 'copy', bytesRead: 5e7, bytesTotal: 2e8, rowsParsed: 1234 } as const;
    expect(progressText(step, 1000)).toBe(
      'loading ██████░░░░░░░░░░░░░░░░░░  25 %  50.0 MB of 200.0 MB  1,234 rows  50.0 MB/s  3.0 s left',
    );
  });

  it('takes the rate of a phase that comes again from where that began', () => {
    const step = { phase: 'copy', bytesRead: 15e7, bytesTotal: 2e8, rowsParsed: 9 } as const;
    expect(progressText(step, 1000, 1e8)).toContain('50.0 MB/s  1.0 s left');
  });

  it('shows only the phase where nothing can be counted', () => {
    const step = { phase: 'commit', bytesRead: 0, bytesTotal: 9, rowsParsed: 0 } as const;
    expect(progressText(step, 1000)).toBe('committing …');
  });
});

describe('a table', () => {
  it('aligns numbers to the right and tells NULL from text', () => {
    const rows = [
      [1n, 'one', null],
      [20n, '', 'x\ny'],
    ];
    expect(tableText(['n', 'name', 'note'], rows)).toBe(
      ['  n │ name │ note', '────┼──────┼──────', '  1 │ one  │ NULL', ' 20 │      │ x\\ny'].join(
        '\n',
      ),
    );
  });
});

describe('an error', () => {
  const error = new CopylineError('FIELD_COUNT', 'The record has 2 fields', {
    source: 'a\u001b[31m.csv',
    record: 1000,
    line: 1001,
    byteOffset: 5,
    excerpt: '3,x',
    expected: '3 fields',
    commitState: 'rolled_back',
    cause: new Error('inner'),
  });

  it('is told with its place and what to do, safe for the terminal', () => {
    expect(errorText(reportError(error))).toBe(
      [
        '✖ FIELD_COUNT: The record has 2 fields',
        '  where     a\\x1b[31m.csv, record 1,000, line 1,001, byte 5',
        '  value     3,x',
        '  expected  3 fields',
        '  state     rolled back, nothing of it is loaded',
        '  next      Look for an unquoted delimiter or line end, or set --delimiter.',
      ].join('\n'),
    );
  });

  it('shows the stacks of its causes when asked', () => {
    expect(stackText(error)).toMatch(/The record has 2 fields[\s\S]*caused by Error: inner/);
  });

  it('before anything was read still is a report', () => {
    expect(refusedReport(error)).toMatchObject({ status: 'failed', rowsLoaded: 0 });
  });
});
