import { CopylineError } from '@copyline/contracts';
import { realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { errnoOf, sinkError } from '../extract/sink/byte-target.ts';
import { PartFile, syncFolder } from '../extract/sink/part-file.ts';
import { ownTag, tagText } from '../extract/sink/writer-tag.ts';
import { rejectReport, type Reject } from './reject.ts';
import type { RejectStore } from './reject-log.ts';

const LF = 0x0a;
const CR = 0x0d;

/** The file with the reasons, beside that with the records. */
export function reasonsPath(path: string): string {
  return `${path}.jsonl`;
}

/**
 * A file of rejected records, byte for byte and below the header of their source, so that it can be
 * loaded as it was; and beside it one with their reasons, a line of JSON for each. Both are visible
 * under their names when they are complete.
 */
export class RejectFiles implements RejectStore {
  readonly #folder: string;
  readonly #source: string;
  readonly #records: PartFile;
  readonly #reasons: PartFile;
  readonly #preamble: Buffer;
  /** Ends the records that have no line end of their own: the last one of the source. */
  readonly #lineEnd: Buffer;
  /** Those without their names, in the order in which they get them. */
  readonly #unnamed: PartFile[];
  #endsInLine = true;
  #count = 0;

  private constructor(
    folder: string,
    source: string,
    parts: { readonly records: PartFile; readonly reasons: PartFile },
    preamble: Buffer,
  ) {
    this.#folder = folder;
    this.#source = source;
    this.#records = parts.records;
    this.#reasons = parts.reasons;
    this.#unnamed = [parts.reasons, parts.records];
    this.#preamble = preamble;
    this.#lineEnd = preamble.at(-1) === CR ? Buffer.from('\r') : Buffer.from('\n');
  }

  /**
   * @param source name of the source, for the reasons
   * @param preamble what stands in the source before its records
   * @throws CopylineError `SINK_UNWRITABLE`, `SINK_ENOSPC`, `SINK_FAILED`
   */
  static async create(path: string, source: string, preamble: Buffer): Promise<RejectFiles> {
    const folder = await folderOf(path);
    const name = basename(path);
    const partName = `.${name}.${tagText(ownTag())}`;
    const records = await PartFile.create(folder, `${partName}.records.part`, name);
    try {
      const reasons = await PartFile.create(folder, `${partName}.reasons.part`, reasonsPath(name));
      return new RejectFiles(folder, source, { records, reasons }, preamble);
    } catch (error) {
      await records.discard();
      throw error;
    }
  }

  async add(rejects: readonly Reject[]): Promise<void> {
    if (this.#count === 0 && rejects.length > 0) await this.#records.write(this.#preamble);
    this.#count += rejects.length;
    for (const reject of rejects) {
      if (!this.#endsInLine) await this.#records.write(this.#lineEnd);
      await this.#records.write(reject.raw);
      this.#endsInLine = endsInLine(reject.raw);
      const reason = {
        source: this.#source,
        ...rejectReport(reject),
        ...(reject.isWhole ? {} : { truncated: true }),
      };
      await this.#reasons.write(Buffer.from(`${JSON.stringify(reason)}\n`));
    }
  }

  /** Everything is on the disk. */
  async finish(): Promise<void> {
    await this.#records.finish();
    await this.#reasons.finish();
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Paths of what has not got its name (yet). */
  get unnamed(): string[] {
    return this.#unnamed.map(({ path }) => path);
  }

  /**
   * Gives the files their names; without a single reject there are none. Files of these names go.
   *
   * @throws CopylineError `SINK_…`; what has no name then is there still, until it is discarded
   */
  async publish(): Promise<void> {
    if (this.isEmpty) {
      await this.discard();
      return removeRejectFiles(join(this.#folder, this.#records.finalName));
    }
    try {
      for (let part = this.#unnamed[0]; part !== undefined; part = this.#unnamed[0]) {
        await rename(part.path, join(this.#folder, part.finalName));
        this.#unnamed.shift();
      }
      await syncFolder(this.#folder);
    } catch (error) {
      throw sinkError('Publishing the rejects', error);
    }
  }

  /** Removes what is not published. Never throws. */
  async discard(): Promise<void> {
    await this.#records.discard();
    await this.#reasons.discard();
  }
}

function endsInLine(raw: Buffer): boolean {
  // In UTF-16LE a NUL is the other half of a line end; in UTF-8 it ends no record.
  const last = raw.at(-1) === 0 ? raw.at(-2) : raw.at(-1);
  return last === LF || last === CR;
}

/**
 * Removes the files that an earlier load has left under these names: those of a load without rejects.
 *
 * @throws CopylineError `SINK_UNWRITABLE`, `SINK_FAILED`
 */
export async function removeRejectFiles(path: string): Promise<void> {
  for (const each of [path, reasonsPath(path)]) {
    await unlink(each).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT')
        throw sinkError('Removing rejects of an earlier load', error);
    });
  }
}

/** Writes both files of rejects that are known already. */
export async function writeRejectFiles(
  path: string,
  source: string,
  preamble: Buffer,
  rejects: AsyncIterable<Reject>,
): Promise<void> {
  const files = await RejectFiles.create(path, source, preamble);
  try {
    for await (const reject of rejects) await files.add([reject]);
    await files.finish();
    await files.publish();
  } catch (error) {
    await files.discard();
    throw error;
  }
}

/**
 * What can be known before the load: there is a folder, and the file is not the source itself.
 *
 * @throws CopylineError `SINK_UNWRITABLE`
 */
export async function assertRejectsFile(path: string, source: string): Promise<void> {
  await folderOf(path);
  const [own, other] = await Promise.all([statOf(path), statOf(source)]);
  if (own === undefined) return;
  if (!own.isFile()) throw new CopylineError('SINK_UNWRITABLE', `${path} exists and is not a file`);
  if (own.dev === other?.dev && own.ino === other.ino) {
    throw new CopylineError('SINK_UNWRITABLE', 'The file for the rejects is the source itself');
  }
}

async function folderOf(path: string): Promise<string> {
  return realpath(dirname(path)).catch((error: unknown) => {
    throw sinkError('Looking for the folder of the rejects', error);
  });
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  return stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw sinkError('Looking for the file for the rejects', error);
  });
}
