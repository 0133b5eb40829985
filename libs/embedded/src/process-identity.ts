/**
 * Which process is meant by a number in a file. A pid alone is reused, so it is kept together with
 * the moment the process started and the place (boot and pid namespace) where the number counts.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in the words of this system; only compared, never read. */
  readonly start: string;
  /** Boot and pid namespace, so that a container does not judge its neighbour's numbers. */
  readonly space: string;
}

/** `elsewhere`: another container or machine, or before a reboot; not for us to judge. */
export type Liveness = 'alive' | 'gone' | 'elsewhere';

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, start: startOf(process.pid) ?? '', space: ownSpace() };
  return own;
}

export function livenessOf(identity: ProcessIdentity): Liveness {
  if (identity.space !== ownIdentity().space) return 'elsewhere';
  if (!exists(identity.pid)) return 'gone';
  const start = startOf(identity.pid);
  // Unreadable (a hardened /proc): the number is in use, so say alive rather than break a lock.
  if (start === undefined) return 'alive';
  return start === identity.start ? 'alive' : 'gone';
}

/** An identity out of a parsed file, or undefined when it is none. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, start, space } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || typeof start !== 'string' || typeof space !== 'string') {
    return undefined;
  }
  return { pid, start, space };
}

/**
 * The pid of a running postmaster of exactly this data directory, whoever started it.
 *
 * `postmaster.pid` alone is not enough: after a crash its number may belong to anybody, so the
 * process must belong to the owner of the directory and name the directory on its command line.
 */
export function postmasterOf(dataDirectory: string): number | undefined {
  const pid = Number(readPostmasterFile(dataDirectory)?.[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const { owner, words } = describe(pid);
  const ours = owner === statSync(dataDirectory).uid && words.includes(dataDirectory);
  return ours ? pid : undefined;
}

/** The lines of `postmaster.pid`: pid, directory, start, port, …, and on line 8 the status. */
export function readPostmasterFile(dataDirectory: string): string[] | undefined {
  try {
    return readFileSync(path.join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ownSpace(): string {
  if (process.platform !== 'linux') return process.platform;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** The start of no process: what a zombie gets, which has a number but holds nothing any more. */
const ENDED = 'ended';

/** Undefined when there is no such process, or when the system does not tell. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') return startFromPs(pid);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, field 2, may hold spaces and brackets; everything after its last bracket is plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0] ?? '', fields[19]];
    return 'ZX'.includes(state) ? ENDED : start;
  } catch {
    return undefined;
  }
}

function startFromPs(pid: number): string | undefined {
  const line = ps(pid, 'stat=,lstart=');
  if (line === '') return undefined;
  return line.startsWith('Z') ? ENDED : line.replace(/^\S+\s+/, '');
}

function describe(pid: number): { owner: number; words: string[] } {
  try {
    if (process.platform !== 'linux') {
      return {
        owner: Number(ps(pid, 'uid=')),
        words: ps(pid, 'command=').split(/ (?=-)|(?<=-D) /),
      };
    }
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return { owner: statSync(`/proc/${pid}`).uid, words };
  } catch {
    return { owner: -1, words: [] };
  }
}

function ps(pid: number, columns: string): string {
  const args = ['-o', columns, '-p', String(pid)];
  return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
