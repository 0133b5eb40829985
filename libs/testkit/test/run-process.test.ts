import { existsSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runProcess, waitFor } from '../src/index.ts';

const node = process.execPath;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A dead process stays in the table until its parent, here often process 1, has asked for it.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !readFileSync(stat, 'utf8').includes(') Z ');
}

describe('processes of a test', () => {
  it('has output and an exit code', async () => {
    const script = 'console.log("out"); console.error("err"); process.exitCode = 3';
    const child = runProcess(node, ['-e', script]);
    expect(await child.exit).toEqual({ code: 3, signal: null });
    expect(child.stdout).toBe('out\n');
    expect(child.stderr).toBe('err\n');
  });

  it('reads input, environment and directory', async () => {
    const script = 'process.stdin.pipe(process.stdout); console.log(process.env.A, process.cwd())';
    const child = runProcess(node, ['-e', script], { input: 'in\n', env: { A: 'a' }, cwd: '/' });
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(child.stdout).toContain('a /\n');
    expect(child.stdout).toContain('in\n');
  });

  it('waits for output while input stays open, then passes a signal', async () => {
    const script = 'process.stdin.resume(); console.log(`ready ${6 * 7}`)';
    const child = runProcess(node, ['-e', script], { input: new PassThrough() });
    const [, number] = await child.waitForOutput(/ready (\d+)/);
    expect(number).toBe('42');
    child.kill('SIGTERM');
    expect(await child.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('fails at once when the process ends without the output', async () => {
    const child = runProcess(node, ['-e', 'console.error("sorry")']);
    await expect(child.waitForOutput(/ready/)).rejects.toThrow(/ended .*without[^]*sorry/);
  });

  it('says that a command cannot be started', () => {
    expect(() => runProcess('/nowhere/copyline', [])).toThrow('cannot start /nowhere/copyline');
  });

  it.runIf(process.getuid?.() === 0)('runs as another user', async () => {
    const child = runProcess('/usr/bin/id', ['-u'], { uid: 65534, gid: 65534, cwd: '/' });
    await child.exit;
    expect(child.stdout).toBe('65534\n');
  });

  describe('at the end of a test', () => {
    let pids: number[] = [];

    it('leaves a process and a grandchild running', async () => {
      const script = `
        const { spawn } = require('node:child_process');
        const args = ['-e', 'setInterval(() => {}, 1000)'];
        const child = spawn(process.execPath, args, { stdio: 'inherit' });
        child.on('spawn', () => console.log('grandchild ' + child.pid));`;
      const child = runProcess(node, ['-e', script]);
      const [, grandchild] = await child.waitForOutput(/grandchild (\d+)/);
      pids = [child.pid, Number(grandchild)];
      expect(pids.every(isAlive)).toBe(true);
    });

    it('has killed both', async () => {
      await waitFor('both to be gone', () => !pids.some(isAlive));
    });
  });
});
