import { parentPort, workerData } from 'node:worker_threads';

import { openCodecs } from './codecs.ts';
import type { DecodedPiece, DecodePlan } from './decode-plan.ts';
import { decodeRows } from './decode-rows.ts';
import { ParquetFault, type ParquetFaultCode, type ParquetPlace } from './parquet-fault.ts';
import { leavesOf } from './schema.ts';

/** What the thread is given. */
export interface DecodeOrder {
  /** Of the open file, which the whole process shares. */
  readonly fd: number;
  readonly plan: DecodePlan;
}

/** A request for the next piece, with memory that is free again. */
export interface NextPiece {
  readonly spare: ArrayBuffer | undefined;
}

export type DecodeAnswer =
  | { readonly piece: DecodedPiece | undefined }
  | {
      readonly fault: {
        readonly code: ParquetFaultCode | 'INTERNAL';
        readonly message: string;
        readonly place: ParquetPlace;
        readonly sqlstate: string | undefined;
      };
    };

/** A thread that decodes: a piece for each request. It blocks, reads and computes; nothing else runs in it. */
const { fd, plan } = workerData as DecodeOrder;
const spares: ArrayBuffer[] = [];
let pieces: Generator<DecodedPiece, void, undefined> | undefined;

async function open(): Promise<Generator<DecodedPiece, void, undefined>> {
  const loaded = new Set(
    plan.columns.flatMap(({ field }) =>
      leavesOf(plan.footer.columns.slice(field, field + 1)).map(({ leaf }) => leaf?.index),
    ),
  );
  const numbers = plan.footer.groups.flatMap(({ chunks }) =>
    chunks.filter((_, i) => loaded.has(i)).map(({ codec }) => codec),
  );
  return decodeRows(fd, plan, await openCodecs(numbers), () => spares.pop());
}

async function answer({ spare }: NextPiece): Promise<void> {
  if (spare !== undefined) spares.push(spare);
  let reply: DecodeAnswer;
  try {
    pieces ??= await open();
    reply = { piece: pieces.next().value ?? undefined };
  } catch (error) {
    reply = {
      fault:
        error instanceof ParquetFault
          ? {
              code: error.code,
              message: error.message,
              place: error.place,
              sqlstate: error.sqlstate,
            }
          : { code: 'INTERNAL', message: String(error), place: {}, sqlstate: undefined },
    };
  }
  const memory = 'piece' in reply ? reply.piece?.bytes.buffer : undefined;
  parentPort?.postMessage(reply, memory instanceof ArrayBuffer ? [memory] : []);
}

/** One after another, although the first waits for codecs. */
let turn = Promise.resolve();
parentPort?.on('message', (request: NextPiece) => {
  turn = turn.then(() => answer(request));
});
