import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { errnoOf, sinkError, type ByteTarget } from './byte-target.ts';

/** What may wait to be written: enough to write while the server sends, too little to matter. */
const WAITING_BYTES = 1024 * 1024;
/** Buffers in one writev; the system takes 1,024 at most. */
const BATCH = 512;

/**
 * A file under construction, under a name that nobody takes for the real one. Writing goes on while
 * the next bytes are fetched.
 */
export class PartFile implements ByteTarget {
  readonly path: string;
  /** The name it will be published under, in the same folder. */
  readonly finalName: string;
  /** What it is, whatever name it has. */
  readonly inode: number;
  readonly #handle: FileHandle;
  readonly #onFailure: (error: unknown) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #room: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  #isClosed = false;

  private constructor(
    path: string,
    finalName: string,
    inode: number,
    handle: FileHandle,
    onFailure: (error: unknown) => void,
  ) {
    this.inode = inode;
    this.path = path;
    this.finalName = finalName;
    this.#handle = handle;
    this.#onFailure = onFailure;
  }

  /**
   * @param onFailure told of a failed write at once, also while nobody writes
   * @throws CopylineError `SINK_UNWRITABLE`, `SINK_ENOSPC`, `SINK_FAILED`
   */
  static async create(
    folder: string,
    partName: string,
    finalName: string,
    onFailure: (error: unknown) => void = () => undefined,
  ): Promise<PartFile> {
    const path = join(folder, partName);
    let handle: FileHandle | undefined;
    try {
      // Permissions are those of every new file: what the umask leaves.
      handle = await open(path, 'wx', 0o666);
      return new PartFile(path, finalName, (await handle.stat()).ino, handle, onFailure);
    } catch (error) {
      if (handle !== undefined) {
        await handle.close().catch(() => undefined);
        await unlink(path).catch(() => undefined);
      }
      throw sinkError(`Creating ${finalName}`, error);
    }
  }

  write(bytes: Buffer): Promise<void> | undefined {
    this.#assertWhole();
    if (bytes.length === 0) return undefined;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#drain();
    if (this.#waitingBytes <= WAITING_BYTES) return undefined;
    this.#room ??= this.#makeRoom().finally(() => {
      this.#room = undefined;
    });
    return this.#room;
  }

  /** Everything is on the disk, and the file is closed. */
  async finish(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#assertWhole();
    try {
      await this.#handle.sync();
      await this.#close();
    } catch (error) {
      throw sinkError(`Flushing ${this.finalName}`, error, this.#writtenBytes);
    }
  }

  async setMode(mode: number): Promise<void> {
    await this.#handle.chmod(mode).catch((error: unknown) => {
      throw sinkError(`Setting the permissions of ${this.finalName}`, error);
    });
  }

  async discard(): Promise<void> {
    this.#waiting = [];
    await this.#writing;
    await this.#close().catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#writeBatch(this.#waiting.splice(0, BATCH));
    } catch (error) {
      this.#failure = sinkError(`Writing ${this.finalName}`, error, this.#writtenBytes);
      this.#waiting = [];
      this.#onFailure(this.#failure);
    } finally {
      this.#writing = undefined;
      this.#wake();
    }
  }

  async #writeBatch(batch: Buffer[]): Promise<void> {
    let rest = batch;
    while (rest.length > 0) {
      // Short on a disk that is about to be full, among others.
      const { bytesWritten } = await this.#handle.writev(rest);
      this.#writtenBytes += bytesWritten;
      this.#waitingBytes -= bytesWritten;
      this.#wake();
      rest = behind(rest, bytesWritten);
    }
  }

  async #makeRoom(): Promise<void> {
    while (this.#waitingBytes > WAITING_BYTES && this.#writing !== undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#assertWhole();
  }

  #assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }
}

/** The names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems have no such thing for folders.
    if (errnoOf(error) !== 'EINVAL') throw error;
  } finally {
    await folder.close();
  }
}

/** What is left of buffers of which the first bytes are done. */
function behind(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  const at = buffers.findIndex((buffer) => {
    if (buffer.length > left) return true;
    left -= buffer.length;
    return false;
  });
  if (at < 0) return [];
  const [first, ...others] = buffers.slice(at);
  return first === undefined ? [] : [first.subarray(left), ...others];
}
