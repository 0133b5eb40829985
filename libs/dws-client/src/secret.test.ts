import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import { Secret } from './secret.ts';

const CANARY = 'canary-7f3a';

describe('a secret', () => {
  const secret = new Secret(CANARY);

  it('tells its value only when asked', () => {
    expect(secret.reveal()).toBe(CANARY);
  });

  it('shows stars in text', () => {
    expect(String(secret)).toBe('***');
    // eslint-disable-next-line @typescript-eslint/restrict-template-expressions -- what a careless hand writes
    expect(`${secret}`).toBe('***');
    expect(['a', secret].join('-')).toBe('a-***');
  });

  it('shows stars in JSON, at any depth', () => {
    expect(JSON.stringify({ password: secret, list: [{ secret }] })).toBe(
      '{"password":"***","list":[{"secret":"***"}]}',
    );
  });

  it.each([
    ['plain', {}],
    ['deep', { depth: Infinity }],
    ['with hidden members', { depth: Infinity, showHidden: true, getters: true }],
    ['without custom inspection', { customInspect: false, showHidden: true }],
  ])('is not shown by inspect, %s', (_, options) => {
    const shown = inspect({ nested: { deeper: { and: [secret] } } }, options);
    expect(shown).not.toContain(CANARY);
  });

  it('does not travel in a clone or in own keys', () => {
    expect(JSON.stringify(Object.assign({}, structuredClone(secret)))).toBe('{}');
    expect(Reflect.ownKeys(secret)).toEqual([]);
  });

  it('is not shown as the cause of an error', () => {
    const error = new Error('failed', { cause: { password: secret } });
    expect(inspect(error)).not.toContain(CANARY);
  });
});
