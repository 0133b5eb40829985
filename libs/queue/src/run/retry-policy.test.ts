import { CopylineError, ERRORS, type ErrorCode } from '@copyline/contracts';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { afterFailure } from './retry-policy.ts';

const policy = { attempts: 5 };
const after = (code: ErrorCode, run: { failures?: number; busy?: number } = {}) =>
  afterFailure(new CopylineError(code, 'x'), { failures: 0, busy: 0, ...run }, policy);

/** The pause at the least and at the most chance. */
function pauses(code: ErrorCode, run: { failures?: number; busy?: number }): number[] {
  return [0, 1].map((chance) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    const next = after(code, run);
    return next.action === 'again' ? next.delayMs : Number.NaN;
  });
}

describe('what becomes of a failed run', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const expected = {
    never: { action: 'fail' },
    retry: { action: 'again', state: 'waiting', counts: 'failure' },
    busy: { action: 'again', state: 'waiting', counts: 'busy' },
    resolve: { action: 'again', state: 'in-doubt', counts: 'failure' },
  };
  it.each(Object.keys(ERRORS) as ErrorCode[])('follows the class of %s', (code) => {
    expect(after(code)).toMatchObject(expected[ERRORS[code].retry]);
  });

  it.each([
    ['CONNECTION_LOST', { failures: 3 }, 'again'],
    ['CONNECTION_LOST', { failures: 4 }, 'fail'],
    ['CONNECTION_LOST', { failures: 40 }, 'fail'],
    ['LOAD_BUSY', { failures: 4, busy: 1_000 }, 'again'],
    ['IN_DOUBT', { failures: 1_000 }, 'again'],
  ] as const)('%s after %o: %s', (code, run, action) => {
    expect(after(code, run).action).toBe(action);
  });

  it.each([
    ['CONNECTION_LOST', { failures: 0 }, 0, 1_000],
    ['CONNECTION_LOST', { failures: 3 }, 0, 8_000],
    ['IN_DOUBT', { failures: 6 }, 0, 60_000],
    ['IN_DOUBT', { failures: 2_000 }, 0, 60_000],
    ['DISK_FULL', { failures: 0 }, 30_000, 60_000],
    ['DISK_FULL', { failures: 3 }, 240_000, 480_000],
    ['LOAD_BUSY', { busy: 0 }, 500, 1_000],
    ['LOAD_BUSY', { busy: 3 }, 2_000, 4_000],
    ['LOAD_BUSY', { busy: 1_000 }, 7_500, 15_000],
  ] as const)('%s after %o pauses for %i to %i ms', (code, run, least, most) => {
    expect(pauses(code, run)).toEqual([least, most]);
  });
});
