import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Only root may, and not in every container. */
export function canMount(): boolean {
  const at = mkdtempSync(join(tmpdir(), 'copyline-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at], { stdio: 'ignore' });
    execFileSync('umount', [at]);
    return true;
  } catch {
    console.warn('No tmpfs can be mounted here: the tests of failing disks are left out');
    return false;
  } finally {
    rmdirSync(at);
  }
}

export function tmpfs(at: string, options: string): Promise<string> {
  return mount(at, ['-t', 'tmpfs', '-o', options, 'tmpfs']);
}

/** A disk that is a file, `image`, of so many bytes. */
export async function loopDisk(at: string, image: string, bytes: number): Promise<string> {
  await writeFile(image, '');
  await truncate(image, bytes);
  execFileSync('mke2fs', ['-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', image]);
  return mount(at, ['-o', 'loop', image]);
}

/**
 * A disk that has lost everything behind its first bytes: reading that is EIO. What is on it is written
 * before, to the folder that `fill` gets.
 */
export async function brokenDisk(
  at: string,
  { fill, bytes, left }: { fill?: (disk: string) => Promise<void>; bytes: number; left: number },
): Promise<string> {
  const image = `${at}.image`;
  const whole = await loopDisk(at, image, bytes);
  await fill?.(whole);
  // Mounted anew: nothing of it is remembered.
  execFileSync('umount', [at]);
  execFileSync('mount', ['-o', 'loop', image, at]);
  await truncate(image, left);
  return at;
}

/** Unmounted after the test. */
async function mount(at: string, args: readonly string[]): Promise<string> {
  await mkdir(at);
  execFileSync('mount', [...args, at]);
  onTestFinished(() => {
    execFileSync('umount', [at]);
  });
  return at;
}
