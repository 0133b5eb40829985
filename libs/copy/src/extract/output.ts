import { CopylineError, type ExtractedFile } from '@copyline/contracts';

import { sum } from './extract-recorder.ts';
import type { ByteTarget } from './sink/byte-target.ts';

/** When the next file begins. */
export interface SplitLimits {
  readonly rows: number | undefined;
  readonly bytes: number | undefined;
}

/** One file that is being written, in whatever form. */
export interface ContentFile {
  /** As stored, so far. */
  readonly bytes: number;
  /** As `ByteTarget.write`. */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Everything is stored. @returns the digest of the stored bytes */
  finish(): Promise<string>;
  /** Ends what works here; what is stored is the target's affair. */
  discard(): void;
}

/** What the files of an extract are made of; known when it is planned. */
export interface ContentForm {
  /** Whether the first row is a header, which every file has. */
  readonly hasHeader: boolean;
  /** What every file begins with otherwise. */
  readonly header?: Buffer | undefined;
  /** @param rowsBefore rows of the extract that files before this one have */
  readonly open: (target: ByteTarget, rowsBefore: number) => Promise<ContentFile>;
}

interface CurrentFile {
  readonly name: string;
  readonly file: ContentFile;
  rows: number;
  /** As the server has sent them, the header among them. */
  contentBytes: number;
}

export interface OutputOptions {
  /** `undefined`: everything goes into one file. */
  readonly split: SplitLimits | undefined;
  /** Opens the file of an ordinal, from 1. */
  readonly open: (ordinal: number) => Promise<{ name: string; target: ByteTarget }>;
}

/** The files of one extract, filled one after the other and cut between rows. */
export class Output {
  readonly files: ExtractedFile[] = [];
  readonly #options: OutputOptions;
  #form: ContentForm | undefined;
  #header: Buffer | undefined;
  #current: CurrentFile | undefined;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Whether `put` must be told where rows end. */
  get isSplit(): boolean {
    return this.#options.split !== undefined;
  }

  /** Opens the first file: an extract without a row has one, too. */
  async begin(form: ContentForm): Promise<void> {
    this.#form = form;
    this.#header = form.header;
    await this.#openNext();
  }

  /**
   * Takes a piece over; where it is to be split, of whole rows that end at `rowEnds`. `undefined`:
   * more is welcome; a promise: after it.
   */
  put(piece: Buffer, rowEnds: readonly number[]): Promise<void> | undefined {
    return this.#options.split === undefined
      ? this.#write(piece, 0)
      : this.#putRows(piece, rowEnds, this.#options.split);
  }

  /** @param rows as the server has counted them; where there are several files they have their own */
  async finish(rows: number): Promise<void> {
    if (this.#current !== undefined && !this.isSplit) this.#current.rows = rows;
    await this.#finishCurrent();
  }

  discard(): void {
    this.#current?.file.discard();
  }

  async #putRows(piece: Buffer, rowEnds: readonly number[], limits: SplitLimits): Promise<void> {
    let ends = rowEnds;
    let start = 0;
    if (this.#form?.hasHeader === true && this.#header === undefined) {
      start = ends[0] ?? 0;
      ends = ends.slice(1);
      this.#header = Buffer.from(piece.subarray(0, start));
      await this.#write(this.#header, 0);
    }
    let at = start;
    let rows = 0;
    for (const end of ends) {
      if (this.#isFull(limits, rows, at - start, end - at)) {
        await this.#write(piece.subarray(start, at), rows);
        await this.#finishCurrent();
        await this.#openNext();
        [start, rows] = [at, 0];
      }
      at = end;
      rows += 1;
    }
    await this.#write(piece.subarray(start), rows);
  }

  /** Whether one row more would be too much for a file that has some. */
  #isFull(limits: SplitLimits, moreRows: number, moreBytes: number, rowBytes: number): boolean {
    const { rows = 0, contentBytes = 0 } = this.#current ?? {};
    if (rows + moreRows === 0) return false;
    return (
      rows + moreRows >= (limits.rows ?? Infinity) ||
      contentBytes + moreBytes + rowBytes > (limits.bytes ?? Infinity)
    );
  }

  #write(bytes: Buffer, rows: number): Promise<void> | undefined {
    const current = this.#current;
    if (current === undefined) throw new CopylineError('INTERNAL', 'There is no file to write to');
    current.rows += rows;
    current.contentBytes += bytes.length;
    return current.file.write(bytes);
  }

  async #openNext(): Promise<void> {
    if (this.#form === undefined) throw new CopylineError('INTERNAL', 'The form is not known yet');
    const { name, target } = await this.#options.open(this.files.length + 1);
    const file = await this.#form.open(target, sum(this.files, 'rows'));
    this.#current = { name, file, rows: 0, contentBytes: 0 };
    if (this.#header !== undefined) await this.#write(this.#header, 0);
  }

  async #finishCurrent(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    const digest = await current.file.finish();
    this.#current = undefined;
    const { name, rows, file } = current;
    this.files.push({ name, rows, bytes: file.bytes, digest });
  }
}
