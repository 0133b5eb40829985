import type { Connection } from '@copyline/dws-client';

import { isRecordError } from '../rejects/record-errors.ts';
import type { Reject } from '../rejects/reject.ts';
import type { RejectLog } from '../rejects/reject-log.ts';
import type { RowStage } from '../rejects/row-stage.ts';
import type { CopyForm } from './checkpoints.ts';
import { Chunk } from './chunk.ts';
import type { CopiedRows } from './copy-pieces.ts';
import type { Piece } from './csv-pieces.ts';

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
  readonly statements: Readonly<Record<CopyForm, string>>;
  readonly connection: Connection;
  readonly stage: RowStage;
  readonly log: RejectLog;
  readonly sourceBytes: number;
  /** What else a reject is said of, where it has neither line nor offset. */
  readonly describe?: ((reject: Reject) => Reject) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number, rowsParsed: number) => void;
}

/**
 * Sends pieces to the server in chunks, each under a savepoint. Of a chunk that the server refuses, the
 * rows are looked at by way of the stage; those that cannot be stored become rejects.
 *
 * @throws CopylineError what is not the fault of a record; `REJECT_LIMIT_EXCEEDED`
 */
export async function copyChunks(input: CopyChunksInput): Promise<CopiedRows> {
  const { log, sourceBytes, describe } = input;
  const copied = { bytesRead: 0, rowsParsed: 0, rowsBinary: 0, rowsText: 0, rowsStored: 0 };
  const chunks = gather(input);
  const sender = new ChunkSender(input);
  let ahead = nextOf(chunks);
  try {
    for (let chunk = await ahead; chunk !== undefined; chunk = await ahead) {
      ahead = nextOf(chunks);
      const { form, rows, bytesRead, rowsParsed, sourceEnd, rejects } = chunk;
      const before = rejects.length;
      copied.rowsStored += await sender.store(chunk);
      copied[form === 'binary' ? 'rowsBinary' : 'rowsText'] += rows - (rejects.length - before);
      Object.assign(copied, { bytesRead, rowsParsed });
      rejects.sort((a, b) => a.record - b.record);
      await log.add(describe === undefined ? rejects : rejects.map(describe), {
        rowsParsed,
        bytesLeft: sourceBytes - sourceEnd,
      });
      input.onProgress(bytesRead, rowsParsed);
      if (log.hasEnough) break;
    }
  } finally {
    // Whatever has failed, nobody reads the source any more afterwards.
    await ahead.catch(() => undefined);
  }
  return copied;
}

/** Stores chunks: at once, or by way of the stage where rows are refused. */
class ChunkSender {
  readonly #input: CopyChunksInput;
  /** The last chunk had rows that the target refused: the next one may be spared the attempt. */
  #isTroubled = false;

  constructor(input: CopyChunksInput) {
    this.#input = input;
  }

  /** @returns the server's count of rows; those that it refused are added to the chunk's rejects */
  async store(chunk: Chunk): Promise<number> {
    const { connection, statements, stage, signal } = this.#input;
    if (chunk.rows === 0) return 0;
    if (!this.#isTroubled) {
      try {
        return await connection.transaction(() =>
          connection.copyIn(
            statements[chunk.form],
            async (sink) => {
              for (const bytes of chunk.bytes(0, chunk.rows)) await sink.write(bytes);
            },
            signal === undefined ? {} : { signal },
          ),
        );
      } catch (error) {
        if (!isRecordError(error)) throw error;
      }
    }
    const { stored, refusedByTarget } = await stage.store(chunk, this.#isTroubled);
    this.#isTroubled = refusedByTarget > 0;
    return stored;
  }
}

/** Pieces as chunks, each with the rejects that were found on the way. */
async function* gather({
  pieces,
  takeRejects,
}: CopyChunksInput): AsyncGenerator<Chunk, void, undefined> {
  let chunk = new Chunk();
  for (let piece = await nextOf(pieces); piece !== undefined; piece = await nextOf(pieces)) {
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

async function nextOf<T>(items: AsyncIterator<T, void>): Promise<T | undefined> {
  const { value } = await items.next();
  return value ?? undefined;
}
