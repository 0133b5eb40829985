/** Files that hold secrets: never readable by others, never half written, never through a link. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchownSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Replaces the file as a whole: a reader sees the old text or the new, and mode 0600 from birth. */
export function writePrivateFile(file: string, text: string, owner?: Owner): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
    writeFileSync(descriptor, text);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

/**
 * A descriptor that appends to a file. O_NOFOLLOW: root may be writing into a directory of somebody
 * else, who could have put a link to a system file there.
 */
export function openToAppend(file: string, owner?: Owner): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  const descriptor = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
  return descriptor;
}
