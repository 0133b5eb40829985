import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { assertHandlers, JOB_TYPES } from './job-types.ts';

const payload = {
  ...{ submissionId: randomUUID(), source: 'inbox:a.csv', connection: 'embedded', into: 't' },
};
const result = { outcome: 'done', rows: 1 };
const nothing = (): void => undefined;

describe('types of jobs', () => {
  it('each has a handler, and each handler a type', () => {
    expect(() => assertHandlers({ load: nothing, extract: nothing })).not.toThrow();
    expect(() => assertHandlers({ laod: nothing, extract: nothing })).toThrow(
      'The worker cannot start: no handler for jobs of type load; ' +
        'a handler for laod, which is no type of job',
    );
    expect(() => assertHandlers({ load: 'nothing' })).toThrow('no handler for jobs of type load');
  });

  it.each([
    ['as it is', payload, true],
    ['with more in it', { ...payload, url: 'postgresql://u:p@h/d' }, false],
    ['with a conninfo for a name', { ...payload, connection: 'postgresql://u:p@h/d' }, false],
    ['without its submission', { ...payload, submissionId: undefined }, false],
  ])('a payload %s', (_, data, isGood) => {
    expect(JOB_TYPES.load.payload.safeParse(data).success).toBe(isGood);
  });

  it.each([
    ['as it is', result, true],
    ['with an outcome that is none', { ...result, outcome: 'running' }, false],
    ['with a BigInt', { ...result, rows: 1n }, false],
    ['with half a row', { ...result, rows: 0.5 }, false],
    ['with more in it', { ...result, values: [] }, false],
  ])('a result %s', (_, data, isGood) => {
    expect(JOB_TYPES.load.result.safeParse(data).success).toBe(isGood);
  });
});
