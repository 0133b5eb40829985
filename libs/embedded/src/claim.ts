/**
 * At most one supervisor per database. Node has no file locks, so each candidate puts down a claim
 * under a name that is never used again, and then looks whether anybody else's claim is alive.
 * Whoever puts his down later sees the earlier one, so two can never both believe they won; and
 * since no name is reused, removing a dead claim can never hit a live one.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writePrivateFile } from './private-file.ts';
import type { Owner } from './private-file.ts';
import { livenessOf, ownIdentity, parseIdentity } from './process-identity.ts';

export interface Claim {
  release(): void;
}

const PREFIX = 'supervisor-';
const SUFFIX = '.claim';
/** Two candidates that see each other both step back; after this many rounds the other has won. */
const ROUNDS = 5;
const STEP_BACK_MS = 40;
/**
 * Pids of another container or machine mean nothing here, so the holder shows that it lives by
 * touching its claim. A holder held up for ten beats is taken for dead.
 */
const HEARTBEAT_MS = 1_000;
const SILENT_AFTER_MS = 10_000;

/** Undefined when another process holds the database. */
export async function claimDirectory(directory: string, owner?: Owner): Promise<Claim | undefined> {
  for (let round = 0; round < ROUNDS; round++) {
    const name = `${PREFIX}${process.pid}-${randomBytes(6).toString('hex')}${SUFFIX}`;
    const file = path.join(directory, name);
    writePrivateFile(file, JSON.stringify(ownIdentity()), owner);
    if (!isClaimed(directory, name)) return hold(file);
    rmSync(file, { force: true });
    await delay(STEP_BACK_MS * Math.random());
  }
  return undefined;
}

/** Whether a live process holds the directory. Claims of dead ones are removed on the way. */
export function isClaimed(directory: string, exceptName?: string): boolean {
  const names = readdirSync(directory).filter(
    (name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX) && name !== exceptName,
  );
  const alive = names.filter((name) => isAlive(path.join(directory, name)));
  return alive.length > 0;
}

function hold(file: string): Claim {
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // The directory was removed under a running database; there is nothing left to claim.
    }
  }, HEARTBEAT_MS);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      rmSync(file, { force: true });
    },
  };
}

function isAlive(file: string): boolean {
  try {
    const identity = parseIdentity(JSON.parse(readFileSync(file, 'utf8')));
    const liveness = identity === undefined ? 'gone' : livenessOf(identity);
    const silentMs = Date.now() - statSync(file).mtimeMs;
    if (liveness === 'alive') return true;
    if (liveness === 'elsewhere' && silentMs < SILENT_AFTER_MS) return true;
    rmSync(file, { force: true });
  } catch (error) {
    // Released between listing and reading.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return false;
}
