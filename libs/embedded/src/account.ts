/**
 * Whom PostgreSQL runs as. It refuses to run as root, so root hands it to an ordinary account; an
 * ordinary user runs it as himself.
 */
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { CopylineError } from '@copyline/contracts';
import { runTool } from './child-process.ts';
import type { Account } from './child-process.ts';

/** First choice first. `_postgres` is what macOS calls it; `nobody` exists everywhere. */
const SERVER_ACCOUNTS = ['postgres', '_postgres', 'nobody'];

/**
 * The account for a server whose files lie at or below `directory`; undefined: as ourselves.
 *
 * Root working in somebody's project (sudo) acts for that somebody, so that no files are left
 * behind which he cannot use without sudo.
 *
 * @throws {CopylineError} EMBEDDED_START_FAILED when root finds no account to hand over to.
 */
export function accountFor(directory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readAccounts();
  const owner = statSync(nearestExisting(directory)).uid;
  const chosen =
    accounts.find(({ uid }) => uid !== 0 && uid === owner) ??
    SERVER_ACCOUNTS.map((name) => accounts.find((each) => each.name === name)).find(
      (each) => each !== undefined,
    );
  if (chosen !== undefined) return chosen;
  throw new CopylineError(
    'EMBEDDED_START_FAILED',
    'PostgreSQL must not run as root, and this system has neither an account “postgres” nor “nobody” in /etc/passwd.',
    {
      advice: 'Run the command as an ordinary user, or create the account with `useradd postgres`.',
    },
  );
}

/**
 * Whether the account can keep a private directory below `directory`: every folder above lets it
 * through, the file system takes chown, and it may write. Asked of the system rather than worked
 * out from mode bits: ACLs, read-only mounts and squashed NFS exports have their own opinion.
 */
export async function canHold(directory: string, account: Account): Promise<boolean> {
  let probe: string | undefined;
  try {
    probe = mkdtempSync(path.join(directory, '.probe-'));
    chownSync(probe, account.uid, account.gid);
    const test = await runTool('/bin/sh', ['-c', 'test -w "$1"', 'sh', probe], { account });
    return test.ok;
  } catch {
    return false;
  } finally {
    if (probe !== undefined) rmSync(probe, { recursive: true, force: true });
  }
}

/** `directory` itself, or the closest folder above that exists. */
export function nearestExisting(directory: string): string {
  let candidate = path.resolve(directory);
  while (statSync(candidate, { throwIfNoEntry: false }) === undefined) {
    candidate = path.dirname(candidate);
  }
  return candidate;
}

function readAccounts(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid >= 0 && gid >= 0);
}
