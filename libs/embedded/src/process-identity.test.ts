import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { livenessOf, ownIdentity, parseIdentity } from './process-identity.ts';

describe('a process identity', () => {
  it('survives a file', () => {
    const identity = ownIdentity();
    expect(parseIdentity(JSON.parse(JSON.stringify(identity)))).toEqual(identity);
    expect(livenessOf(identity)).toBe('alive');
  });

  it('is not the next process with the same number', () => {
    expect(livenessOf({ ...ownIdentity(), start: 'earlier' })).toBe('gone');
  });

  it('of another container or boot is not judged', () => {
    expect(livenessOf({ ...ownIdentity(), space: 'elsewhere' })).toBe('elsewhere');
  });

  it('is not made of anything else', () => {
    for (const value of [null, 1, {}, { pid: 1 }, { pid: '1', start: '', space: '' }]) {
      expect(parseIdentity(value)).toBeUndefined();
    }
  });

  it.skipIf(process.platform !== 'linux')('of a zombie is gone', async () => {
    // `sleep` replaces the shell and never asks for the end of the shell's child, which waits for that.
    const parent = spawn('/bin/sh', ['-c', '(read end) <&3 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    try {
      const [line] = (await once(parent.stdout as Readable, 'data')) as [Buffer];
      const pid = Number(line.toString());
      await statOf(Number(parent.pid), '(sleep)');
      (parent.stdio[3] as Writable).end('\n');
      const stat = await statOf(pid, ') Z ');
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] as string;
      expect(livenessOf({ ...ownIdentity(), pid, start })).toBe('gone');
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

/** Linux's account of a process, once it says that. */
async function statOf(pid: number, says: string): Promise<string> {
  for (;;) {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    if (stat.includes(says)) return stat;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
