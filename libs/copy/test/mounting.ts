import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A disk in memory, of any size and with any fault that mount knows. Unmounted after the test. */
export function tmpfs(at: string, options: string): Promise<string> {
  return mount(at, ['-t', 'tmpfs', '-o', options, 'tmpfs']);
}

/** Unmounted after the test. */
export async function mount(at: string, args: readonly string[]): Promise<string> {
  await mkdir(at);
  execFileSync('mount', [...args, at]);
  onTestFinished(() => {
    execFileSync('umount', [at]);
  });
  return at;
}

/** Only root may, and not in every container. */
export function canMount(): boolean {
  const at = mkdtempSync(join(tmpdir(), 'copyline-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at], { stdio: 'ignore' });
    execFileSync('umount', [at]);
    return true;
  } catch {
    console.warn('No tmpfs can be mounted here: the tests of full disks are left out');
    return false;
  } finally {
    rmdirSync(at);
  }
}
