import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
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
    // `sleep` replaces the shell and never asks for the end of the shell's child.
    const parent = spawn('/bin/sh', ['-c', 'true & echo $!; exec sleep 60']);
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      const stat = await zombieStat(pid);
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] as string;
      expect(livenessOf({ ...ownIdentity(), pid, start })).toBe('gone');
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

async function zombieStat(pid: number): Promise<string> {
  for (;;) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    if (stat.includes(') Z ')) return stat;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
