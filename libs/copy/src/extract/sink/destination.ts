import { CopylineError } from '@copyline/contracts';
import type { Stats } from 'node:fs';
import { link, lstat, readdir, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';

import { errnoOf, sinkError } from './byte-target.ts';
import { manifestName, splitPattern } from './file-names.ts';
import { PartFile, syncFolder } from './part-file.ts';
import { isGone, ownerDigits, ownTag, parseTag, tagText } from './writer-tag.ts';

/** What link() says where there are no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

let ordinal = 0;

export interface DestinationPolicy {
  /** Whether files of the same names are replaced. */
  readonly overwrite: boolean;
  /** Whether the extract is a series of numbered files. */
  readonly isSplit: boolean;
  /** A folder that the files must really lie in. */
  readonly within?: string | undefined;
  /** A UUID. What earlier runs of the same owner have left is removed, wherever they ran. */
  readonly owner?: string | undefined;
}

/**
 * The folder that an extract goes to, and the only way into it: files are made under names of their
 * own, and get their real ones together, at the end.
 */
export class Destination implements AsyncDisposable {
  /** Of the file that was asked for, links followed. */
  readonly folder: string;
  readonly name: string;
  readonly #policy: DestinationPolicy;
  /** Made or being made; whoever was interrupted may still be at it when they are discarded. */
  #parts: Promise<PartFile>[] = [];
  #isDiscarded = false;

  private constructor(folder: string, name: string, policy: DestinationPolicy) {
    this.folder = folder;
    this.name = name;
    this.#policy = policy;
  }

  /** @throws CopylineError `SINK_UNWRITABLE`, `SINK_FORBIDDEN` */
  static async open(path: string, policy: DestinationPolicy): Promise<Destination> {
    let real = path;
    try {
      // A link to a file stays one: what it leads to is replaced.
      if ((await lstat(path)).isSymbolicLink()) real = await realpath(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw sinkError('Looking at the target', error);
    }
    const folder = await realpath(dirname(real)).catch((error: unknown) => {
      throw sinkError('Looking for the folder', error);
    });
    await assertWithin(folder, policy.within);
    return new Destination(folder, basename(real), policy);
  }

  get manifestPath(): string {
    return join(this.folder, manifestName(this.name));
  }

  /** @throws CopylineError `SINK_EXISTS`, `SINK_UNWRITABLE` */
  async assertFree(): Promise<void> {
    const files = this.#policy.isSplit ? await this.#numberedFiles() : [this.name];
    await this.#assertFree([...files, manifestName(this.name)]);
  }

  /**
   * Removes what extracts to the same name have left that were killed, also names that they had given
   * without coming to the manifest's. Whoever of the same owner still lives cannot publish any more.
   *
   * @returns how many files, and how many belong to extracts that may be alive
   */
  async removeLeftovers(): Promise<{ readonly removed: number; readonly alive: number }> {
    let [removed, alive] = [0, 0];
    // Of those that have another name, too: the number of the others is free for reuse.
    const inodes = new Set<number>();
    const own = ownerDigits(this.#policy.owner);
    const names = await readdir(this.folder).catch((): string[] => []);
    for (const name of names) {
      const tag = parseTag(this.#tagTextOf(name) ?? '');
      if (tag === undefined) continue;
      const isOurs = own !== undefined && tag.owner === own;
      if (isOurs || isGone(tag)) {
        const stat = await this.#statOf(name);
        await unlink(join(this.folder, name)).catch(() => undefined);
        if (stat !== undefined && stat.nlink > 1) inodes.add(stat.ino);
        removed += 1;
      } else {
        alive += 1;
      }
    }
    // With the manifest gone from its part file nobody can complete these any more.
    if (inodes.size > 0 && (await this.#statOf(manifestName(this.name))) === undefined) {
      const files = this.#policy.isSplit ? await this.#numberedFiles() : [this.name];
      for (const name of files) await this.#removeIf(name, (ino) => inodes.has(ino));
    }
    return { removed, alive };
  }

  /** A file that will be called so. A file that it replaces hands its permissions on. */
  async create(name: string, onFailure?: (error: unknown) => void): Promise<PartFile> {
    if (this.#isDiscarded) throw new CopylineError('INTERNAL', 'The files are discarded');
    const creating = PartFile.create(this.folder, this.#partName(), name, onFailure);
    this.#parts.push(creating);
    const part = await creating;
    const before = await this.#statOf(name);
    if (before !== undefined) await part.setMode(before.mode & 0o777);
    return part;
  }

  /**
   * Gives finished files their names, the manifest last. Whoever finds the manifest finds all of
   * them. When it fails nothing new is left, and what there was before is still there, except where
   * a file of several had been replaced already: then no manifest is left either.
   *
   * @throws CopylineError `SINK_EXISTS`, `SINK_UNWRITABLE`, `SINK_FAILED`
   */
  async publish(files: readonly PartFile[], manifest: PartFile): Promise<void> {
    await this.#assertFree([...files, manifest].map(({ finalName }) => finalName));
    const added: PartFile[] = [];
    let replaced = 0;
    const previous = await this.#takeManifestAway();
    try {
      for (const part of [...files, manifest]) {
        if (part === manifest) await syncFolder(this.folder);
        const isNew = (await this.#statOf(part.finalName)) === undefined;
        await this.#place(part);
        if (isNew) added.unshift(part);
        else replaced += 1;
      }
      await syncFolder(this.folder);
    } catch (error) {
      for (const { finalName, inode } of added) {
        await this.#removeIf(finalName, (ino) => ino === inode);
      }
      if (replaced === 0) await previous?.putBack();
      else await previous?.remove();
      throw sinkError('Publishing', error);
    }
    // Until here they say that their files' names are not to be counted yet.
    for (const { path } of [...files, manifest]) await unlink(path).catch(() => undefined);
    await previous?.remove();
    if (this.#policy.isSplit) await this.#removeSuperseded(files);
  }

  /** Removes what is not published. Idempotent; never throws. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    const made = await Promise.allSettled(this.#parts);
    this.#parts = [];
    for (const part of made) if (part.status === 'fulfilled') await part.value.discard();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }

  async #place({ path, finalName }: PartFile): Promise<void> {
    const target = join(this.folder, finalName);
    if (this.#policy.overwrite) return await rename(path, target);
    try {
      // Unlike rename, link fails where somebody has made a file of that name meanwhile.
      await link(path, target);
    } catch (error) {
      if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error;
      await this.#assertFree([finalName]);
      await rename(path, target);
    }
  }

  async #removeIf(name: string, isMeant: (inode: number) => boolean): Promise<void> {
    const stat = await this.#statOf(name).catch(() => undefined);
    if (stat === undefined || !isMeant(stat.ino)) return;
    await unlink(join(this.folder, name)).catch(() => undefined);
  }

  /** The manifest of the extract that is replaced: it must not speak of files that are not its own. */
  async #takeManifestAway(): Promise<PreviousManifest | undefined> {
    if ((await this.#statOf(manifestName(this.name))) === undefined) return undefined;
    const aside = join(this.folder, this.#partName());
    await rename(this.manifestPath, aside).catch((error: unknown) => {
      throw sinkError('Replacing the manifest', error);
    });
    return new PreviousManifest(aside, this.manifestPath);
  }

  /** A series is replaced as a whole: whoever reads all its files must not find older ones. */
  async #removeSuperseded(files: readonly PartFile[]): Promise<void> {
    const kept = new Set(files.map(({ finalName }) => finalName));
    for (const name of await this.#numberedFiles()) {
      if (!kept.has(name)) await unlink(join(this.folder, name)).catch(() => undefined);
    }
  }

  async #numberedFiles(): Promise<string[]> {
    const pattern = splitPattern(this.name);
    const names = await readdir(this.folder).catch((error: unknown) => {
      throw sinkError('Reading the folder', error);
    });
    return names.filter((name) => pattern.test(name)).sort();
  }

  /** @throws CopylineError `SINK_EXISTS`; `SINK_UNWRITABLE` for what is not a file at all */
  async #assertFree(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const stat = await this.#statOf(name);
      if (stat === undefined) continue;
      if (!stat.isFile()) {
        throw new CopylineError('SINK_UNWRITABLE', `${name} exists and is not a file`);
      }
      if (!this.#policy.overwrite) throw new CopylineError('SINK_EXISTS', `${name} exists`);
    }
  }

  async #statOf(name: string): Promise<Stats | undefined> {
    return lstat(join(this.folder, name)).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw sinkError(`Looking for ${name}`, error);
    });
  }

  /** Hidden, so that no pattern for the real names matches it. */
  #partName(): string {
    ordinal += 1;
    return `.${this.name}.${tagText(ownTag(this.#policy.owner))}.${String(ordinal)}.part`;
  }

  #tagTextOf(partName: string): string | undefined {
    const start = `.${this.name}.`;
    if (!partName.startsWith(start)) return undefined;
    return /^([^.]+)\.\d+\.part$/.exec(partName.slice(start.length))?.[1];
  }
}

/** @throws CopylineError `SINK_FORBIDDEN` */
async function assertWithin(folder: string, within: string | undefined): Promise<void> {
  if (within === undefined) return;
  const real = await realpath(within).catch(() => undefined);
  if (real === folder || (real !== undefined && folder.startsWith(`${real}${sep}`))) return;
  throw new CopylineError('SINK_FORBIDDEN', 'The sink lies outside of its folder');
}

/** A manifest that has been put aside. */
class PreviousManifest {
  readonly #aside: string;
  readonly #path: string;

  constructor(aside: string, path: string) {
    this.#aside = aside;
    this.#path = path;
  }

  async putBack(): Promise<void> {
    await rename(this.#aside, this.#path).catch(() => undefined);
  }

  async remove(): Promise<void> {
    await unlink(this.#aside).catch(() => undefined);
  }
}
