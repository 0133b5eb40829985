import { setImmediate as nextTick } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { untilAborted } from './interruption.ts';

describe('waiting until a signal', () => {
  it.each([
    ['is aborted already', () => AbortSignal.abort()],
    ['aborts meanwhile', () => AbortSignal.timeout(1)],
  ])('that %s leaves no failure behind that nobody hears of', async (_, signal) => {
    const unheard: unknown[] = [];
    const listener = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    let fail = (): void => undefined;
    const failing = new Promise<void>((_resolve, reject) => {
      fail = () => {
        reject(new Error('late'));
      };
    });
    await expect(untilAborted(failing, signal())).rejects.toMatchObject({ code: 'INTERRUPTED' });
    fail();
    await nextTick();
    await nextTick();
    expect(unheard).toEqual([]);
  });

  it('passes on what the promise fails with, when that comes first', async () => {
    const failing = Promise.reject(new Error('first'));
    await expect(untilAborted(failing, new AbortController().signal)).rejects.toThrow('first');
  });
});
