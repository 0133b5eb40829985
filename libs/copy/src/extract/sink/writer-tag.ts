import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Which process writes a part file, in the name of the file itself: a leftover of a process that
 * has died must be told from the work of one that lives. A pid counts in one place only (machine,
 * boot, container) and is reused, so place and start of the process belong to it.
 */
export interface WriterTag {
  readonly place: string;
  readonly pid: number;
  readonly start: string;
  /** Whose run it is, as hexadecimal digits; of a later run of the same owner it is a leftover. */
  readonly owner?: string | undefined;
}

const PATTERN = /^([0-9a-f]{8})-([0-9]{1,10})-([0-9]{1,20})(?:-([0-9a-f]{32}))?$/;

/** @param owner a UUID */
export function ownTag(owner?: string): WriterTag {
  const start = startOf(process.pid) ?? '0';
  return { place: ownPlace(), pid: process.pid, start, owner: ownerDigits(owner) };
}

export function ownerDigits(owner: string | undefined): string | undefined {
  return owner?.replaceAll('-', '');
}

export function tagText({ place, pid, start, owner }: WriterTag): string {
  const text = `${place}-${String(pid)}-${start}`;
  return owner === undefined ? text : `${text}-${owner}`;
}

export function parseTag(text: string): WriterTag | undefined {
  const [, place, pid, start, owner] = PATTERN.exec(text) ?? [];
  if (place === undefined || pid === undefined || start === undefined) return undefined;
  return { place, pid: Number(pid), start, owner };
}

/** Whether the writer is known to be gone. What cannot be judged from here counts as alive. */
export function isGone(tag: WriterTag): boolean {
  if (tag.place !== ownPlace()) return false;
  try {
    process.kill(tag.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const start = startOf(tag.pid);
  return start !== undefined && tag.start !== '0' && start !== tag.start;
}

let place: string | undefined;

function ownPlace(): string {
  place ??= createHash('sha256')
    .update(
      [
        hostname(),
        textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
        textOf(() => readlinkSync('/proc/self/ns/pid')),
      ].join('\n'),
    )
    .digest('hex')
    .slice(0, 8);
  return place;
}

/** In ticks since the boot; `undefined` where /proc does not tell. */
function startOf(pid: number): string | undefined {
  const stat = textOf(() => readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  // The name, in parentheses, may hold blanks; the start is the 22nd field (proc(5)).
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return start !== undefined && /^\d+$/.test(start) ? start : undefined;
}

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // not on this system
  }
}
