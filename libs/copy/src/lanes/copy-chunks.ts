import type { Connection } from '@copyline/dws-client';

import { isRecordError } from '../rejects/record-errors.ts';
import type { Reject } from '../rejects/reject.ts';
import type { RejectLog } from '../rejects/reject-log.ts';
import { RecordRefused } from '../rejects/restart-without.ts';
import type { RowStage } from '../rejects/row-stage.ts';
import type { CopyForm } from './checkpoints.ts';
import { Chunk, copyRows, type ChunkStore } from './chunk.ts';
import type { CopiedRows } from './copy-pieces.ts';
import type { Piece } from './csv-pieces.ts';
import { nextOf } from './next-piece.ts';

/**
 * So much of the source is stored under one savepoint. Large enough that savepoints cost nothing that
 * can be measured, small enough to be kept twice: one chunk is on its way while the next one is made.
 */
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Rejects that wait for their chunk: a file may be nothing but rejects. */
const CHUNK_REJECTS = 5_000;

export interface CopyChunksInput {
  readonly pieces: AsyncIterator<Piece, void>;
  /** Takes what the producer of the pieces has refused since the last time. */
  readonly takeRejects: () => Reject[];
  readonly store: ChunkStore;
  readonly log: RejectLog;
  /** What the pieces are made of, in bytes; `undefined` where that is not known before the end. */
  readonly sourceBytes: number | undefined;
  /** A reject as one of the file, where the records are made of something else. */
  readonly inFile?: ((reject: Reject) => Reject) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number, rowsParsed: number) => void;
}

/**
 * Sends pieces to the server in chunks. What is refused of them becomes rejects.
 *
 * @throws CopylineError what is not the fault of a record; `REJECT_LIMIT_EXCEEDED`
 * @throws RecordRefused from a store that cannot go on
 */
export async function copyChunks(input: CopyChunksInput): Promise<CopiedRows> {
  const { store, log, sourceBytes = Infinity, inFile = (reject: Reject): Reject => reject } = input;
  const copied = { bytesRead: 0, rowsParsed: 0, rowsBinary: 0, rowsText: 0, rowsStored: 0 };
  const chunks = gather(input);
  let ahead = nextOf(chunks);
  try {
    for (let chunk = await ahead; chunk !== undefined; chunk = await ahead) {
      ahead = nextOf(chunks);
      const { form, rows, bytesRead, rowsParsed, sourceEnd, rejects } = chunk;
      const reached = { rowsParsed, bytesLeft: sourceBytes - sourceEnd };
      const before = rejects.length;
      try {
        copied.rowsStored += await store.store(chunk);
      } catch (error) {
        // Nothing of this pass is kept, but too many are too many.
        if (error instanceof RecordRefused) log.note(inOrder(rejects).map(inFile), reached);
        throw error;
      }
      copied[form === 'binary' ? 'rowsBinary' : 'rowsText'] += rows - (rejects.length - before);
      Object.assign(copied, { bytesRead, rowsParsed });
      await log.add(inOrder(rejects).map(inFile), reached);
      input.onProgress(bytesRead, rowsParsed);
      if (log.hasEnough) break;
    }
    // Of how many records it is a share is known now.
    if (sourceBytes === Infinity) {
      await log.add([], { rowsParsed: copied.rowsParsed, bytesLeft: 0 });
    }
  } finally {
    // Whatever has failed, nobody reads the source any more afterwards.
    await ahead.catch(() => undefined);
  }
  return copied;
}

/** Stores chunks under savepoints: at once, or by way of the stage where rows are refused. */
export class StagedChunks implements ChunkStore {
  readonly #connection: Connection;
  readonly #statements: Readonly<Record<CopyForm, string>>;
  readonly #stage: RowStage;
  readonly #signal: AbortSignal | undefined;
  /** The last chunk had rows that the target refused: the next one may be spared the attempt. */
  #isTroubled = false;

  constructor(
    connection: Connection,
    statements: Readonly<Record<CopyForm, string>>,
    stage: RowStage,
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#statements = statements;
    this.#stage = stage;
    this.#signal = signal;
  }

  async store(chunk: Chunk): Promise<number> {
    if (chunk.rows === 0) return 0;
    if (!this.#isTroubled) {
      const statement = this.#statements[chunk.form];
      const all = { from: 0, to: chunk.rows };
      try {
        return await this.#connection.transaction(() =>
          copyRows(this.#connection, statement, chunk, all, this.#signal),
        );
      } catch (error) {
        if (!isRecordError(error)) throw error;
      }
    }
    const { stored, refusedByTarget } = await this.#stage.store(chunk, this.#isTroubled);
    this.#isTroubled = refusedByTarget > 0;
    return stored;
  }
}

/** Pieces as chunks, each with the rejects that were found on the way. */
async function* gather({
  pieces,
  takeRejects,
  signal,
}: CopyChunksInput): AsyncGenerator<Chunk, void, undefined> {
  let chunk = new Chunk();
  const next = (): Promise<Piece | undefined> => nextOf(pieces, signal);
  for (let piece = await next(); piece !== undefined; piece = await next()) {
    if (!chunk.takes(piece)) {
      yield chunk;
      chunk = new Chunk();
    }
    chunk.add(piece, takeRejects());
    if (chunk.sourceBytes >= CHUNK_BYTES || chunk.rejects.length >= CHUNK_REJECTS) {
      yield chunk;
      chunk = new Chunk();
    }
  }
  if (chunk.rowsParsed > 0 || chunk.bytesRead > 0) yield chunk;
}

function inOrder(rejects: readonly Reject[]): Reject[] {
  return [...rejects].sort((a, b) => a.record - b.record);
}
