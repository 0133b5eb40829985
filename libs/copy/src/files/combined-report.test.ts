import { CopylineError, refusedReport, type LoadReport } from '@copyline/contracts';
import { describe, expect, it } from 'vitest';

import { stoppedTogether, type FailedLoad } from './combined-report.ts';

const failed = (source: string, error: CopylineError): FailedLoad => {
  const status = error.code === 'IN_DOUBT' ? 'in-doubt' : 'failed';
  return { report: { ...refusedReport(error), source, status }, error };
};
const REFUSED = failed('a.csv', new CopylineError('VALUE_REFUSED', 'not a number'));
const IN_DOUBT = failed('b.csv', new CopylineError('IN_DOUBT', 'the answer to COMMIT was lost'));
const loaded = (guarantee: LoadReport['guarantee']): LoadReport => ({
  ...REFUSED.report,
  ...{ source: 'c.csv', status: 'loaded', guarantee, error: null },
});

describe('a load of several files that was stopped', () => {
  it('says first what nobody knows the outcome of, and names the other', () => {
    const loads = [REFUSED.report, IN_DOUBT.report, loaded('exactly-once')];
    const { report, error } = stoppedTogether('*.csv', 4, loads, [REFUSED, IN_DOUBT]);
    expect(report).toMatchObject({ status: 'in-doubt', error: { code: 'IN_DOUBT' } });
    expect(error?.message).toBe(
      '1 of 4 files are loaded; then: the answer to COMMIT was lost; a.csv ended with VALUE_REFUSED',
    );
    expect(error?.advice).toMatch(/ Then load all again: those are skipped\.$/);
  });

  it('advises nobody without a ledger to load again what is loaded', () => {
    const loads = [loaded('at-least-once'), REFUSED.report];
    const { error } = stoppedTogether('*.csv', 2, loads, [REFUSED]);
    expect(error?.advice).toContain('Then load the others only');
  });
});
