import {
  CopylineError,
  parseSourceName,
  sourceNameSchema,
  type ErrorCode,
} from '@copyline/contracts';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import type { Settings } from './settings.ts';

/** A source by name, found on this machine. */
export interface FoundSource {
  /** As it was named: `inbox:orders.csv`. */
  readonly name: string;
  readonly root: string;
  /** The file, all links followed. */
  readonly path: string;
  /** The folder of the root, all links followed; `path` lies in it. */
  readonly rootPath: string;
}

/**
 * Finds the file of a source name below its configured root, without opening it. Links are followed
 * as long as they stay in the root; hard links cannot be told from files, so whoever may write to a
 * root and read a file elsewhere can bring that file in. Copyline's own secrets (token, configuration
 * file, embedded database) are never a source, even when a root contains them.
 *
 * Messages and places name the source as it was named, never a path of this machine.
 *
 * @throws CopylineError `SOURCE_FORBIDDEN`, `SOURCE_NOT_VISIBLE`, `SOURCE_NOT_FOUND`,
 *   `SOURCE_NOT_A_FILE`, `SOURCE_UNREADABLE`
 */
export async function resolveSource(name: string, settings: Settings): Promise<FoundSource> {
  const fail = failureOf(name);
  const folder = folderOf(name, settings, fail);
  const { root, path } = parseSourceName(name);
  const rootPath = await realFolder(folder).catch((cause: unknown) => {
    throw fail(
      'SOURCE_NOT_VISIBLE',
      `The folder of the root “${root}” is not on this machine`,
      cause,
    );
  });
  const wanted = join(rootPath, path);
  const real = await realpath(wanted).catch(async (cause: unknown) => {
    throw await explainMissing(wanted, rootPath, cause, fail);
  });
  if (!isWithin(real, rootPath)) throw leadsOut(fail);
  if (await isOurSecret(real, rootPath, settings)) {
    throw fail('SOURCE_FORBIDDEN', 'The source is one of Copyline’s own files');
  }
  const found = await stat(real).catch((cause: unknown) => {
    throw fail('SOURCE_UNREADABLE', 'The source cannot be looked at', cause);
  });
  if (!found.isFile()) {
    throw fail('SOURCE_NOT_A_FILE', `The source is ${kindOf(found)}, not a regular file`);
  }
  return { name, root, path: real, rootPath };
}

type Fail = (code: ErrorCode, message: string, cause?: unknown, expected?: string) => CopylineError;

/** A place in every error; causes name paths, so only their codes are kept. */
function failureOf(source: string): Fail {
  return (code, message, cause, expected) => {
    const reason = errnoOf(cause);
    return new CopylineError(code, reason === undefined ? message : `${message} (${reason})`, {
      source,
      ...(expected === undefined ? {} : { expected }),
    });
  };
}

function folderOf(name: string, { sources }: Settings, fail: Fail): string {
  const parsed = sourceNameSchema.safeParse(name);
  const roots = Object.keys(sources);
  const known = roots.length === 0 ? 'no roots are configured' : `a root of: ${roots.join(', ')}`;
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ message }) => message).join('; ');
    throw fail('SOURCE_FORBIDDEN', `The name of the source ${faults}`, undefined, known);
  }
  const { root } = parseSourceName(name);
  const folder = Object.hasOwn(sources, root) ? sources[root] : undefined;
  if (folder === undefined) {
    throw fail('SOURCE_FORBIDDEN', `There is no root named “${root}”`, undefined, known);
  }
  return folder;
}

async function realFolder(folder: string): Promise<string> {
  const real = await realpath(folder);
  if (!(await stat(real)).isDirectory()) {
    throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
  }
  return real;
}

/**
 * Why a path has no real one. What lies outside of the root stays unknown: a link out of it is
 * forbidden whether or not its end exists.
 */
async function explainMissing(
  wanted: string,
  rootPath: string,
  cause: unknown,
  fail: Fail,
): Promise<CopylineError> {
  let missing = wanted;
  let parent: string | undefined;
  while (parent === undefined && missing !== rootPath) {
    parent = await realpath(dirname(missing)).catch(() => undefined);
    if (parent === undefined) missing = dirname(missing);
  }
  if (parent !== undefined && !isWithin(parent, rootPath)) return leadsOut(fail);
  const isLink = await lstat(missing).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  if (isLink) return leadsOut(fail);
  const isDenied = ['EACCES', 'EPERM', 'EIO'].includes(errnoOf(cause) ?? '');
  return isDenied
    ? fail('SOURCE_UNREADABLE', 'The source cannot be reached', cause)
    : fail('SOURCE_NOT_FOUND', 'The source does not exist');
}

function leadsOut(fail: Fail): CopylineError {
  return fail('SOURCE_FORBIDDEN', 'The source is a link that leads out of its root, or to nothing');
}

/** Whether a real path is a real folder or lies below it. */
function isWithin(real: string, folder: string): boolean {
  const way = relative(folder, real);
  return way !== '..' && !way.startsWith(`..${sep}`);
}

/** A root that holds the working directory must not give its secrets away. */
async function isOurSecret(real: string, rootPath: string, settings: Settings): Promise<boolean> {
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

function kindOf(found: Awaited<ReturnType<typeof stat>>): string {
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}
