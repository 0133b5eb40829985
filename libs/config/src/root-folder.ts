import { CopylineError, type ErrorCode } from '@copyline/contracts';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import type { Settings } from './settings.ts';

/** Makes an error about one source or sink. */
export type Fail = (
  code: ErrorCode,
  message: string,
  cause?: unknown,
  expected?: string,
) => CopylineError;

/** The name is the place in every error; causes name paths, so only their codes are kept. */
export function failureOf(name: string): Fail {
  return (code, message, cause, expected) => {
    const reason = errnoOf(cause);
    return new CopylineError(code, reason === undefined ? message : `${message} (${reason})`, {
      source: name,
      ...(expected === undefined ? {} : { expected }),
    });
  };
}

/** The folder of a root, all links followed. @throws what the file system says */
export async function realFolder(folder: string): Promise<string> {
  const real = await realpath(folder);
  if (!(await stat(real)).isDirectory()) {
    throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
  }
  return real;
}

/**
 * Why a path below a root has no real one. What lies outside of the root stays unknown: a link out of
 * it is `outside` whether or not its end exists.
 */
export async function whyMissing(
  wanted: string,
  rootPath: string,
  cause: unknown,
): Promise<'outside' | 'denied' | 'absent'> {
  let missing = wanted;
  let parent: string | undefined;
  while (parent === undefined && missing !== rootPath) {
    parent = await realpath(dirname(missing)).catch(() => undefined);
    if (parent === undefined) missing = dirname(missing);
  }
  if (parent !== undefined && !isWithin(parent, rootPath)) return 'outside';
  const isLink = await lstat(missing).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  if (isLink) return 'outside';
  return ['EACCES', 'EPERM', 'EIO'].includes(errnoOf(cause) ?? '') ? 'denied' : 'absent';
}

/** Whether a real path is a real folder or lies below it. */
export function isWithin(real: string, folder: string): boolean {
  const way = relative(folder, real);
  return way !== '..' && !way.startsWith(`..${sep}`);
}

/** A root that holds the working directory must neither give its secrets away nor have them replaced. */
export async function isOurSecret(
  real: string,
  rootPath: string,
  settings: Settings,
): Promise<boolean> {
  const { home, tokenFile, file } = settings;
  for (const secret of [tokenFile, file]) {
    if (secret !== undefined && (await realOrUndefined(secret)) === real) return true;
  }
  const realHome = await realOrUndefined(home);
  if (realHome === undefined || !isWithin(real, realHome)) return false;
  // A root that somebody has put below the home on purpose is theirs, except for the database.
  const isTheirs = rootPath !== realHome && isWithin(rootPath, realHome);
  return !isTheirs || isWithin(real, join(realHome, 'data'));
}

function realOrUndefined(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

export function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}
