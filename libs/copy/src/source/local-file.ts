import { CopylineError, type LoadSpec } from '@copyline/contracts';
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { constants, type BigIntStats } from 'node:fs';

/** What tells one version of a file from another without reading it. Times in nanoseconds. */
export interface FileVersion {
  readonly bytes: number;
  readonly modifiedNs: bigint;
  /** Changes with every write, even when the modification time is set back. */
  readonly changedNs: bigint;
  readonly inode: bigint;
}

/** A regular file, opened once: everything is read from what was opened, whatever its name becomes. */
export class LocalFile implements AsyncDisposable {
  /** As the user named it. */
  readonly name: string;
  /** The same for every name of the file on every machine: `file://host/real/path`. */
  readonly canonical: string;
  readonly version: FileVersion;
  readonly #handle: FileHandle;

  private constructor(name: string, canonical: string, version: FileVersion, handle: FileHandle) {
    this.name = name;
    this.canonical = canonical;
    this.version = version;
    this.#handle = handle;
  }

  /**
   * @throws CopylineError `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`, `SOURCE_NOT_A_FILE`, or
   *   `SOURCE_FORBIDDEN` for a file outside of the folder that it must lie in
   */
  static async open(source: LoadSpec['source']): Promise<LocalFile> {
    const { path, name = path, within } = source;
    let handle: FileHandle | undefined;
    try {
      const real = await realpath(path);
      if (within !== undefined) await assertWithin(real, within, name);
      // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
      handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) throw notAFile(name, stat);
      // A folder on the way may have become a link between the check and the opening.
      if (within !== undefined) await assertStillThere(path, stat, within, name);
      const url = pathToFileURL(real);
      url.hostname = hostname();
      return new LocalFile(name, url.href, versionOf(stat), handle);
    } catch (error) {
      await handle?.close();
      throw error instanceof CopylineError ? error : openError(name, error);
    }
  }

  /** Of the open file, for a thread that reads it, too. */
  get descriptor(): number {
    return this.#handle.fd;
  }

  /** Reads into `buffer[at…at+length)` from a place in the file. @returns the bytes read. */
  async read(buffer: Buffer, at: number, length: number, position: number): Promise<number> {
    let done = 0;
    try {
      while (done < length) {
        const { bytesRead } = await this.#handle.read(
          buffer,
          at + done,
          length - done,
          position + done,
        );
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (cause) {
      throw new CopylineError('SOURCE_UNREADABLE', `Reading failed: ${messageOf(cause)}`, {
        cause,
        source: this.name,
      });
    }
    return done;
  }

  /** @throws CopylineError `SOURCE_CHANGED` when the file is not what was opened any more */
  async assertUnchanged(bytesRead: number): Promise<void> {
    const now = versionOf(await this.#handle.stat({ bigint: true }));
    // The change time moves when the file is renamed or linked, too; that is no change of content.
    const same = now.bytes === this.version.bytes && now.modifiedNs === this.version.modifiedNs;
    if (same && bytesRead === this.version.bytes) return;
    throw new CopylineError(
      'SOURCE_CHANGED',
      `The file changed while it was read: ${sizeText(this.version.bytes)} when opened, ${sizeText(now.bytes)} now, ${sizeText(bytesRead)} read`,
      { source: this.name },
    );
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function versionOf(stat: BigIntStats): FileVersion {
  return {
    bytes: Number(stat.size),
    modifiedNs: stat.mtimeNs,
    changedNs: stat.ctimeNs,
    inode: stat.ino,
  };
}

async function assertWithin(real: string, folder: string, name: string): Promise<void> {
  if (real.startsWith(`${await realpath(folder)}${sep}`)) return;
  throw new CopylineError('SOURCE_FORBIDDEN', 'The source lies outside of its folder', {
    source: name,
  });
}

async function assertStillThere(
  path: string,
  opened: BigIntStats,
  folder: string,
  name: string,
): Promise<void> {
  const real = await realpath(path);
  await assertWithin(real, folder, name);
  const now = await lstat(real, { bigint: true });
  if (now.dev === opened.dev && now.ino === opened.ino) return;
  throw new CopylineError('SOURCE_CHANGED', 'The source was replaced while it was opened', {
    source: name,
  });
}

function notAFile(path: string, stat: BigIntStats): CopylineError {
  const what = stat.isDirectory()
    ? 'a directory'
    : stat.isFIFO()
      ? 'a pipe'
      : stat.isSocket()
        ? 'a socket'
        : 'a device';
  return new CopylineError('SOURCE_NOT_A_FILE', `The source is ${what}`, { source: path });
}

function openError(path: string, cause: unknown): CopylineError {
  const errno = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const options = { cause, source: path };
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new CopylineError('SOURCE_NOT_FOUND', 'The source does not exist', options);
  }
  if (errno === 'ENXIO') {
    return new CopylineError('SOURCE_NOT_A_FILE', 'The source is a socket or a device', options);
  }
  return new CopylineError('SOURCE_UNREADABLE', `Opening failed: ${messageOf(cause)}`, options);
}

/** Without the path, which is the machine's affair: the error names the source as the user did. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(', ')[0] ?? message;
}

function sizeText(bytes: number): string {
  return `${bytes.toLocaleString('en')} bytes`;
}
