import { CopylineError, type ErrorCode } from '@copyline/contracts';
import { describe, expect, it } from 'vitest';

import { retryVerdict, type RetryUnit, wasRetriedByServer } from './retry-rules.ts';
import { type RetryEvent, withRetry } from './retry.ts';

const UNITS: readonly RetryUnit[] = ['connect', 'idempotent-statement', 'transaction'];

function serverError(sqlstate: string, code: ErrorCode = 'SQL_FAILED'): CopylineError {
  return new CopylineError(code, 'of the server', { sqlstate });
}

/** The whole table: SQLSTATE, then the verdict for each unit. */
const VERDICTS: readonly (readonly [string, ...string[]])[] = [
  ...['08000', '08001', '08003', '08004', '08006', '57P01', '57P02', '57P03', '57P05'].map(
    (sqlstate) => [sqlstate, 'soon', 'soon', 'soon'] as const,
  ),
  ...['53000', '53200'].map((sqlstate) => [sqlstate, 'soon', 'soon', 'soon'] as const),
  ...['53100', '53300'].map((sqlstate) => [sqlstate, 'later', 'later', 'later'] as const),
  ...['40001', '40P01', '55P03', '55006', '25P03', '25006'].map(
    (sqlstate) => [sqlstate, 'never', 'soon', 'soon'] as const,
  ),
  ...['YY003', 'XX009'].map((sqlstate) => [sqlstate, 'soon', 'later', 'later'] as const),
  ...['CG003', 'F0011', '45003', '42P30'].map(
    (sqlstate) => [sqlstate, 'never', 'later', 'later'] as const,
  ),
  ...['08007', '08P01', '40003', '57P04', '57014', '25P02'].map(
    (sqlstate) => [sqlstate, 'never', 'never', 'never'] as const,
  ),
  ...['22P02', '23505', '42P01', '42501', '28P01', '28000', '3D000', '0A000', 'XX000', 'XX001'].map(
    (sqlstate) => [sqlstate, 'never', 'never', 'never'] as const,
  ),
  ...['58030', '40002'].map((sqlstate) => [sqlstate, 'never', 'never', 'never'] as const),
];

describe('the table of what may be repeated', () => {
  it.each(VERDICTS)('%s: connect %s, statement %s, transaction %s', (sqlstate, ...verdicts) => {
    expect(UNITS.map((unit) => retryVerdict(serverError(sqlstate), unit))).toEqual(verdicts);
  });

  it.each(UNITS)('never repeats a %s of unknown or happy outcome', (unit) => {
    for (const commitState of ['unknown', 'committed'] as const) {
      const error = new CopylineError('CONNECTION_LOST', 'x', { commitState, sqlstate: '08006' });
      expect(retryVerdict(error, unit)).toBe('never');
    }
    expect(retryVerdict(new CopylineError('COMMIT_UNKNOWN', 'x'), unit)).toBe('never');
    expect(retryVerdict(new CopylineError('INTERRUPTED', 'x'), unit)).toBe('never');
    expect(retryVerdict(new Error('of somebody'), unit)).toBe('never');
    expect(retryVerdict(undefined, unit)).toBe('never');
  });

  it('reads a failure to connect by its cause', () => {
    const failed = (code: string, message = ''): string =>
      retryVerdict(
        new CopylineError('CONNECT_FAILED', 'x', {
          cause: Object.assign(new Error(message), { code }),
        }),
        'connect',
      );
    expect(['ECONNREFUSED', 'ECONNRESET', 'EAI_AGAIN', 'ETIMEDOUT'].map((each) => failed(each)))
      .toEqual(['soon', 'soon', 'soon', 'soon']); // prettier-ignore
    expect(failed('ENOTFOUND')).toBe('later');
    expect(failed('DEPTH_ZERO_SELF_SIGNED_CERT')).toBe('never');
    expect(failed('', 'The server does not support SSL connections')).toBe('never');
  });

  it('knows what GaussDB(DWS) has repeated by itself: statements, by its own list', () => {
    const list = ['YY001', 'YY016', '53200', '08006', '08000', '57P01', 'XX003', 'CG004', '42P30'];
    for (const sqlstate of list) {
      const error = serverError(sqlstate);
      expect(wasRetriedByServer(error, 'idempotent-statement', true)).toBe(true);
      expect(wasRetriedByServer(error, 'transaction', true)).toBe(false);
    }
    for (const sqlstate of ['40001', '40P01', '53100', 'YY017']) {
      expect(wasRetriedByServer(serverError(sqlstate), 'idempotent-statement', true)).toBe(false);
    }
    expect(wasRetriedByServer(serverError('57P01'), 'idempotent-statement', false)).toBe(false);
    expect(wasRetriedByServer(serverError('YY001'), 'idempotent-statement', false)).toBe(true);
  });
});

describe('withRetry', () => {
  const fast = { baseDelayMs: 1, maxDelayMs: 4, unit: 'transaction' } as const;

  /** Fails some times, then gives the number of its attempt. */
  const flaky =
    (failures: number, error: Error = serverError('40001')) =>
    (attempt: number): Promise<number> =>
      attempt <= failures ? Promise.reject(error) : Promise.resolve(attempt);

  it('gives the result of the first attempt that works', async () => {
    const events: RetryEvent[] = [];
    const observe = (event: RetryEvent): void => void events.push(event);
    expect(await withRetry({ ...fast, observe }, flaky(3))).toBe(4);
    expect(events.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(events.every(({ delayMs = -1 }) => delayMs >= 0 && delayMs <= 4)).toBe(true);
    expect(events[0]?.unit).toBe('transaction');
  });

  it('throws the last error as it is when its attempts are used up', async () => {
    const error = serverError('40P01');
    const events: RetryEvent[] = [];
    const observe = (event: RetryEvent): void => {
      events.push(event);
      throw new Error('of the log');
    };
    await expect(withRetry({ ...fast, attempts: 3, observe }, flaky(9, error))).rejects.toBe(error);
    expect(events.map(({ delayMs }) => delayMs === undefined)).toEqual([false, false, true]);
  });

  it('tries once what no repetition cures', async () => {
    const error = serverError('23505');
    let attempts = 0;
    const work = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(error);
    };
    await expect(withRetry(fast, work)).rejects.toBe(error);
    expect(attempts).toBe(1);
  });

  it('starts no attempt after its budget', async () => {
    let attempts = 0;
    const work = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(serverError('53300'));
    };
    const policy = { ...fast, maxDelayMs: 60_000, budgetMs: 1_000 };
    await expect(withRetry(policy, work)).rejects.toMatchObject({ sqlstate: '53300' });
    expect(attempts).toBe(1);
  });

  it('ends its pause when it is told to, with the reason', async () => {
    const controller = new AbortController();
    const observe = (): void => {
      controller.abort();
    };
    const policy = { ...fast, maxDelayMs: 60_000, budgetMs: 1e9, signal: controller.signal };
    await expect(
      withRetry({ ...policy, observe }, flaky(1, serverError('53300'))),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(withRetry(policy, flaky(0))).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('adds one attempt to those of the server, whatever the policy', async () => {
    let attempts = 0;
    const work = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(serverError('YY003'));
    };
    const policy = { ...fast, unit: 'idempotent-statement', attempts: 10 } as const;
    await expect(withRetry(policy, work)).rejects.toMatchObject({ sqlstate: 'YY003' });
    expect(attempts).toBe(2);
  });

  it('doubles what its pauses are taken from, and takes any part of it', async () => {
    const delays: number[][] = [[], [], [], []];
    const observe = ({ attempt, delayMs }: RetryEvent): void => {
      if (delayMs !== undefined) delays[attempt - 1]?.push(delayMs);
    };
    const policy = { ...fast, baseDelayMs: 2, maxDelayMs: 8, observe };
    await Promise.all(
      Array.from({ length: 200 }, () => withRetry(policy, flaky(4)).catch(() => undefined)),
    );
    const [first = [], second = [], third = [], fourth = []] = delays;
    expect(Math.max(...first)).toBeLessThanOrEqual(2);
    expect(Math.max(...second)).toBeGreaterThan(2);
    expect(Math.max(...third)).toBeGreaterThan(4);
    expect(Math.max(...fourth)).toBeLessThanOrEqual(8);
    expect(Math.min(...fourth)).toBeLessThan(2);
  });
});
