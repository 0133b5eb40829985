import { CopylineError, type Warning } from '@copyline/contracts';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

import { incompleteness, type Readiness } from './ready-file.ts';

/** Files to load, in their order, and what was left out. */
export interface FoundFiles {
  readonly paths: readonly string[];
  readonly warnings: readonly Warning[];
}

/**
 * The files that are meant by names, folders and patterns: in the order in which they are given, and
 * those of one folder or pattern in the order of their names, byte by byte. A file that is meant twice is
 * one file. Of a folder, these are the files in it that are not hidden, not those in folders below.
 *
 * What is found and not complete is left out and warned of; what is named is not looked at here.
 *
 * @throws CopylineError `NO_FILES` for a folder or pattern without a file
 */
export async function findFiles(
  names: readonly string[],
  readiness: Readiness,
): Promise<FoundFiles> {
  const paths = new Map<string, string>();
  const warnings: Warning[] = [];
  for (const name of names) {
    const found = await candidates(name);
    if (found === undefined) {
      paths.set(resolve(name), name);
      continue;
    }
    const skipped: Warning[] = [];
    let count = 0;
    for (const path of found) {
      const reason = isMarker(path, readiness) ? '' : await incompleteness(path, readiness);
      if (reason === undefined) {
        count += 1;
        if (!paths.has(resolve(path))) paths.set(resolve(path), path);
      } else if (reason !== '') {
        skipped.push({ code: 'FILE_SKIPPED', message: `${path} is not loaded: ${reason}` });
      }
    }
    warnings.push(...skipped);
    if (count > 0) continue;
    const left = skipped.map(({ message }) => `; ${message}`).join('');
    throw new CopylineError('NO_FILES', `No file is meant by ${name}${left}`, { source: name });
  }
  return { paths: [...paths.values()], warnings };
}

/** Whether a name stands for other files than one that it names. */
export async function meansSeveral(name: string): Promise<boolean> {
  return (await candidates(name)) !== undefined;
}

/** `undefined` for the name of a file, whether there is one or not. */
async function candidates(name: string): Promise<string[] | undefined> {
  const named = await stat(name).catch(() => undefined);
  if (named?.isDirectory() === true) {
    const inside = await readdir(name, { withFileTypes: true });
    return inside
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => join(name, entry.name))
      .sort(byBytes);
  }
  // A file may well have a bracket in its name.
  if (named !== undefined || !isDynamicPattern(name)) return undefined;
  const matches = await glob(name, {
    absolute: isAbsolute(name),
    dot: false,
    expandDirectories: false,
    // Links to files are meant, too.
    onlyFiles: false,
    followSymbolicLinks: true,
  });
  const files: string[] = [];
  for (const path of matches.sort(byBytes)) {
    const isFolder = path.endsWith('/') || (await stat(path).catch(() => undefined))?.isDirectory();
    if (isFolder !== true) files.push(path);
  }
  return files;
}

function isMarker(path: string, { doneMarker }: Readiness): boolean {
  return doneMarker !== undefined && path.endsWith(doneMarker);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
