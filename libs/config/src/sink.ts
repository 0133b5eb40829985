import type { CopylineError } from '@copyline/contracts';
import { parseRootedName, sinkNameSchema } from '@copyline/contracts';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import {
  errnoOf,
  failureOf,
  isOurSecret,
  isWithin,
  realFolder,
  whyMissing,
  type Fail,
} from './root-folder.ts';
import type { Settings } from './settings.ts';

/** A sink by name, found on this machine. There may be nothing of that name yet. */
export interface FoundSink {
  /** As it was named: `outbox:orders.csv`. */
  readonly name: string;
  /** The file that would be written, all links followed. */
  readonly path: string;
  /** The folder of the root, all links followed; `path` lies in it. */
  readonly rootPath: string;
}

/**
 * Finds the place of a sink name below its configured root. Only roots of `sinks` may be written to;
 * links are followed as long as they stay in the root, and Copyline's own files are never a sink.
 *
 * Messages and places name the sink as it was named, never a path of this machine.
 *
 * @throws CopylineError `SINK_FORBIDDEN`, `SINK_NOT_VISIBLE`, `SINK_UNWRITABLE`
 */
export async function resolveSink(name: string, settings: Settings): Promise<FoundSink> {
  const fail = failureOf(name);
  const folder = folderOf(name, settings, fail);
  const { root, path } = parseRootedName(name);
  const rootPath = await realFolder(folder).catch((cause: unknown) => {
    const message = `The folder of the root “${root}” is not on this machine`;
    throw fail('SINK_NOT_VISIBLE', message, cause);
  });
  const wanted = join(rootPath, path);
  const parent = await realFolder(dirname(wanted)).catch(async (cause: unknown) => {
    const why = await whyMissing(dirname(wanted), rootPath, cause);
    if (why === 'outside') throw leadsOut(fail);
    throw fail('SINK_UNWRITABLE', 'The folder of the sink does not exist', cause);
  });
  if (!isWithin(parent, rootPath)) throw leadsOut(fail);
  const real = await realFile(join(parent, basename(wanted)), fail);
  if (!isWithin(real, rootPath)) throw leadsOut(fail);
  if (await isOurSecret(real, rootPath, settings)) {
    throw fail('SINK_FORBIDDEN', 'The sink is one of Copyline’s own files');
  }
  return { name, path: real, rootPath };
}

/** A link is followed: what it leads to would be replaced. */
async function realFile(path: string, fail: Fail): Promise<string> {
  const found = await lstat(path).catch((cause: unknown) => {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw fail('SINK_UNWRITABLE', 'The sink cannot be looked at', cause);
  });
  if (found?.isSymbolicLink() === true) {
    return realpath(path).catch(() => {
      throw leadsOut(fail);
    });
  }
  if (found === undefined || found.isFile()) return path;
  throw fail('SINK_UNWRITABLE', 'There is something of that name that is not a file');
}

function folderOf(name: string, { sinks, sources }: Settings, fail: Fail): string {
  const parsed = sinkNameSchema.safeParse(name);
  const roots = Object.keys(sinks);
  const known =
    roots.length === 0 ? 'no sinks are configured' : `a root of sinks: ${roots.join(', ')}`;
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ message }) => message).join('; ');
    throw fail('SINK_FORBIDDEN', `The name of the sink ${faults}`, undefined, known);
  }
  const { root } = parseRootedName(name);
  const folder = Object.hasOwn(sinks, root) ? sinks[root] : undefined;
  if (folder !== undefined) return folder;
  const message = Object.hasOwn(sources, root)
    ? `The root “${root}” is one to read from, not to write to`
    : `There is no root named “${root}”`;
  throw fail('SINK_FORBIDDEN', message, undefined, known);
}

function leadsOut(fail: Fail): CopylineError {
  return fail(
    'SINK_FORBIDDEN',
    'The sink is behind a link that leads out of its root, or to nothing',
  );
}
