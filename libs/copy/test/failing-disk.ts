import { runProcess } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
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

/** Answers to reads of a file (fanotify, which wants root) until another file is there; then to none. */
const HOLDER = `
import ctypes, os, struct, sys
path, flag = sys.argv[1:]
libc = ctypes.CDLL(None)
group = libc.fanotify_init(4, os.O_RDONLY)                                  # FAN_CLASS_CONTENT
if libc.fanotify_mark(group, 1, ctypes.c_uint64(0x20000), -100, path.encode()) < 0:  # FAN_ACCESS_PERM
    sys.exit('fanotify')
print('ready', flush=True)
while True:
    events = os.read(group, 4096)
    for at in range(0, len(events), 24):
        fd = struct.unpack_from('IBBHQii', events, at)[5]
        if os.path.exists(flag):
            print('held', flush=True)
        else:
            os.write(group, struct.pack('iI', fd, 1))                       # FAN_ALLOW
            os.close(fd)
`;

/** Whether `hangingFile` works here. */
export function canHang(): boolean {
  try {
    const program = 'import ctypes; assert ctypes.CDLL(None).fanotify_init(4, 0) >= 0';
    execFileSync('python3', ['-c', program], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('No reads can be held here: the tests of hanging disks are left out');
    return false;
  }
}

/** A file on a disk that goes away: from `hang` on, whoever reads it waits until `letGo`. */
export async function hangingFile(path: string): Promise<{
  hang(): void;
  readHangs(): Promise<unknown>;
  letGo(): void;
}> {
  const flag = `${path}.hangs`;
  const holder = runProcess('python3', ['-c', HOLDER, path, flag]);
  await holder.waitForOutput(/ready/);
  return {
    hang: () => {
      writeFileSync(flag, '');
    },
    readHangs: () => holder.waitForOutput(/held/),
    // The kernel lets everybody go who waits for a process that has ended.
    letGo: () => {
      holder.kill();
    },
  };
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
