import { CopylineError } from '@copyline/contracts';
import { abortReason, throwIfAborted } from '@copyline/dws-client';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import type { Piece } from '../lanes/csv-pieces.ts';
import { ifSoon } from '../lanes/next-piece.ts';
import { RowIndex } from '../lanes/row-index.ts';
import type { Reject } from '../rejects/reject.ts';
import type { ContentDigest } from '../source/content-digest.ts';
import type { LocalFile } from '../source/local-file.ts';
import type { DecodedPiece, DecodedReject, DecodePlan } from './decode-plan.ts';
import { rowGroupOf, type ParquetFooter } from './footer.ts';
import { asParquetError } from './parquet-source.ts';
import type { DecodeAnswer, NextPiece } from './worker.ts';

/** Pieces that are asked for ahead of the one that is needed. */
const AHEAD = 2;
/** Nothing that a page may hold takes so long; a disk that has gone away may. */
const STUCK_MS = 5 * 60_000;
/** Read at a time for the digest. */
const BLOCK_BYTES = 1024 * 1024;
/** Of objects of JavaScript; pages and rows lie outside, and are bounded by their own limits. */
const MAX_HEAP_MB = 1024;

export interface ParquetPiecesInput {
  readonly file: LocalFile;
  readonly plan: DecodePlan;
  readonly digest: ContentDigest | undefined;
  /** Takes what is refused of the piece that is made. */
  readonly onReject?: ((reject: Reject) => void) | undefined;
  /** Ends the thread, whatever it is at. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The rows of a Parquet file, piece by piece, made by a thread of their own: this one sends them meanwhile.
 * The digest is computed here, in step with the rows: the thread reads the file by columns.
 *
 * @throws CopylineError with the place of what is wrong with the file, or of the first value that is
 *   refused; the reason of the signal
 */
export async function* parquetPieces({
  file,
  plan,
  digest,
  onReject,
  signal,
}: ParquetPiecesInput): AsyncGenerator<Piece, void, undefined> {
  throwIfAborted(signal);
  const hashing = new FileHashing(file, digest);
  const { bytes: total } = file.version;
  const { rows } = plan.footer;
  const thread = new DecoderThread(file, plan);
  const onAbort = (): void => {
    if (signal !== undefined) thread.abandon(abortReason(signal));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const sent: (ArrayBuffer | undefined)[] = [];
  try {
    for (let piece = await thread.next(); piece !== undefined; piece = await thread.next()) {
      for (const reject of piece.rejects) onReject?.(rejectOf(reject));
      const bytesRead = Math.floor((total * piece.recordsDone) / rows);
      await hashing.readTo(bytesRead);
      yield pieceOf(piece, bytesRead);
      sent.push(memoryOf(piece.bytes));
      // What was sent before the last one is free again.
      if (sent.length > 1) thread.giveBack(sent.shift());
    }
    await hashing.readTo(total);
    const end = { records: rows, byteOffset: rows, lines: 0, lineEnd: undefined };
    yield {
      ...{
        form: plan.isBinary ? 'binary' : 'text',
        bytes: Buffer.alloc(0),
        rows: 0,
        position: end,
      },
      ...{ serverLines: undefined, bytesRead: total, rowsParsed: rows, source: Buffer.alloc(0) },
      index: plan.keepsRejects ? new RowIndex() : undefined,
    };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await thread.stop();
  }
}

function pieceOf(piece: DecodedPiece, bytesRead: number): Piece {
  const { form, bytes, rows, recordsBefore, recordsDone, index, source } = piece;
  return {
    ...{ form, rows, bytesRead, rowsParsed: recordsDone, serverLines: undefined },
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    // A record has no line and no bytes of its own.
    position: { records: recordsBefore, byteOffset: 0, lines: 0, lineEnd: undefined },
    index: index && RowIndex.of(index),
    source: Buffer.from(source.buffer, source.byteOffset, source.length),
  };
}

function rejectOf({ raw, ...reject }: DecodedReject): Reject {
  return { ...reject, line: 0, byteOffset: null, raw: Buffer.from(raw) };
}

/** A reject of a Parquet file, with its row group: there is no line, and no byte of its own. */
export function inParquet({ groups }: ParquetFooter): (reject: Reject) => Reject {
  return (reject) => ({
    ...{ ...reject, line: 0, byteOffset: null },
    reason: `${reject.reason} (row group ${String(rowGroupOf(groups, reject.record))})`,
  });
}

function memoryOf({ buffer }: Uint8Array): ArrayBuffer | undefined {
  return buffer instanceof ArrayBuffer ? buffer : undefined;
}

/** The thread that decodes, and what it owes. */
class DecoderThread {
  readonly #worker: Worker;
  readonly #name: string;
  readonly #answers: DecodeAnswer[] = [];
  #failure: CopylineError | undefined;
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(file: LocalFile, plan: DecodePlan) {
    this.#name = file.name;
    this.#worker = new Worker(workerProgram(), {
      workerData: { fd: file.descriptor, plan },
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
      // Nothing of the environment concerns it.
      env: {},
    });
    this.#worker.on('message', (answer: DecodeAnswer) => {
      this.#answers.push(answer);
      this.#wake?.();
    });
    this.#worker.on('error', (cause) => {
      this.#fail(cause);
    });
    for (let i = 0; i < AHEAD; i += 1) this.#ask(undefined);
  }

  /** @returns undefined behind the last one */
  async next(): Promise<DecodedPiece | undefined> {
    if (this.#isOver) return undefined;
    if (this.#answers.length === 0 && this.#failure === undefined) await this.#wait();
    const answer = this.#answers.shift();
    if (answer === undefined) throw this.#failure ?? this.#stuck();
    if ('fault' in answer) {
      const { fault } = answer;
      throw fault.code === 'INTERNAL'
        ? new CopylineError('INTERNAL', fault.message, { source: this.#name })
        : asParquetError({ ...fault, code: fault.code }, this.#name);
    }
    if (answer.piece === undefined) this.#isOver = true;
    return answer.piece;
  }

  /** Asks for a piece, with memory that is free. */
  giveBack(spare: ArrayBuffer | undefined): void {
    this.#ask(spare);
  }

  /** Whoever waits for a piece hears of it at once: the thread itself may be held by the disk. */
  abandon(reason: CopylineError): void {
    this.#failure = reason;
    this.#answers.length = 0;
    this.#wake?.();
  }

  async stop(): Promise<void> {
    await ifSoon(this.#worker.terminate());
  }

  #ask(spare: ArrayBuffer | undefined): void {
    const request: NextPiece = { spare };
    this.#worker.postMessage(request, spare === undefined ? [] : [spare]);
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, STUCK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #fail(cause: unknown): void {
    const isMemory =
      cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.#failure = new CopylineError(
      isMemory ? 'PARQUET_TOO_LARGE' : 'INTERNAL',
      isMemory ? 'Decoding the file takes too much memory' : 'The thread that decodes has ended',
      { cause, source: this.#name },
    );
    this.#wake?.();
  }

  #stuck(): CopylineError {
    return new CopylineError('PARQUET_STUCK', 'Reading the file made no progress for 5 minutes', {
      source: this.#name,
    });
  }
}

/** Found as a package, also from a program that is a bundle: threads begin with a file. */
function workerProgram(): string {
  return createRequire(import.meta.url).resolve('@copyline/copy/parquet-worker');
}

/** The digest of the file, front to back. */
class FileHashing {
  readonly #file: LocalFile;
  readonly #digest: ContentDigest | undefined;
  #block = Buffer.alloc(0);
  #position = 0;

  constructor(file: LocalFile, digest: ContentDigest | undefined) {
    this.#file = file;
    this.#digest = digest;
  }

  async readTo(end: number): Promise<void> {
    if (this.#digest === undefined) return;
    const { bytes: total } = this.#file.version;
    // Blocks as a whole, the last one apart.
    while (end - this.#position >= BLOCK_BYTES || (end === total && this.#position < end)) {
      if (this.#block.length === 0) this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const length = Math.min(BLOCK_BYTES, end - this.#position);
      const bytes = await this.#file.read(this.#block, 0, length, this.#position);
      if (bytes === 0) return;
      this.#digest.update(this.#block.subarray(0, bytes));
      this.#position += bytes;
    }
  }
}
