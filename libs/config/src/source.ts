import type { CopylineError } from '@copyline/contracts';
import { parseRootedName, sourceNameSchema } from '@copyline/contracts';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

import {
  failureOf,
  isOurSecret,
  isWithin,
  realFolder,
  whyMissing,
  type Fail,
} from './root-folder.ts';
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
  const { root, path } = parseRootedName(name);
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

function folderOf(name: string, { sources }: Settings, fail: Fail): string {
  const parsed = sourceNameSchema.safeParse(name);
  const roots = Object.keys(sources);
  const known = roots.length === 0 ? 'no roots are configured' : `a root of: ${roots.join(', ')}`;
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ message }) => message).join('; ');
    throw fail('SOURCE_FORBIDDEN', `The name of the source ${faults}`, undefined, known);
  }
  const { root } = parseRootedName(name);
  const folder = Object.hasOwn(sources, root) ? sources[root] : undefined;
  if (folder === undefined) {
    throw fail('SOURCE_FORBIDDEN', `There is no root named “${root}”`, undefined, known);
  }
  return folder;
}

async function explainMissing(
  wanted: string,
  rootPath: string,
  cause: unknown,
  fail: Fail,
): Promise<CopylineError> {
  switch (await whyMissing(wanted, rootPath, cause)) {
    case 'outside':
      return leadsOut(fail);
    case 'denied':
      return fail('SOURCE_UNREADABLE', 'The source cannot be reached', cause);
    case 'absent':
      return fail('SOURCE_NOT_FOUND', 'The source does not exist');
  }
}

function leadsOut(fail: Fail): CopylineError {
  return fail('SOURCE_FORBIDDEN', 'The source is a link that leads out of its root, or to nothing');
}

function kindOf(found: Awaited<ReturnType<typeof stat>>): string {
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}
