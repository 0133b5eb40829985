import type { Connection, CopySink } from '@copyline/dws-client';

import { BINARY_HEADER, BINARY_TRAILER } from './binary-rows.ts';
import type { CopyForm, CopyTrail } from './checkpoints.ts';
import type { Piece } from './csv-pieces.ts';
import { nextOf } from './next-piece.ts';

/** What was copied, and in which form. */
export interface CopiedRows {
  readonly bytesRead: number;
  readonly rowsParsed: number;
  readonly rowsBinary: number;
  readonly rowsText: number;
  /** The server's count. */
  readonly rowsStored: number;
}

export interface CopyPiecesInput {
  readonly pieces: AsyncIterator<Piece, void>;
  readonly statements: Readonly<Record<CopyForm, string>>;
  readonly connection: Connection;
  /** Kept up to date for whoever has to place an error of the server. */
  readonly trail: CopyTrail;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number, rowsParsed: number) => void;
}

/**
 * Sends pieces to the server in their order, one COPY after another: each ends where a piece has
 * another form than the one before it. While the server takes one piece, the next one is made.
 */
export async function copyPieces(input: CopyPiecesInput): Promise<CopiedRows> {
  const { statements, connection, trail, signal } = input;
  const copied = { bytesRead: 0, rowsParsed: 0, rowsBinary: 0, rowsText: 0, rowsStored: 0 };
  const { pieces } = input;
  let piece = await nextOf(pieces, signal);

  const send = async (sink: CopySink, form: CopyForm): Promise<void> => {
    let rowsSent = 0;
    let sent: Promise<void> = form === 'binary' ? sink.write(BINARY_HEADER) : Promise.resolve();
    while (piece?.form === form) {
      const { bytes, rows, position, bytesRead, rowsParsed } = piece;
      const serverLines = piece.serverLines ?? { last: rowsSent, lineEnd: undefined };
      trail.add({ position, serverLines });
      await sent;
      if (bytes.length > 0) sent = sink.write(bytes);
      // A failure is thrown at the next `await sent`; it must not count as unhandled until then.
      sent.catch(() => undefined);
      rowsSent += rows;
      Object.assign(copied, { bytesRead, rowsParsed });
      copied[form === 'binary' ? 'rowsBinary' : 'rowsText'] += rows;
      input.onProgress(bytesRead, rowsParsed);
      piece = await nextOf(pieces, signal);
    }
    await sent;
    if (form === 'binary') await sink.write(BINARY_TRAILER);
  };

  // A load of nothing is a COPY all the same: what it would run into is said.
  do {
    const form = piece?.form ?? 'text';
    trail.begin(form);
    copied.rowsStored += await connection.copyIn(
      statements[form],
      (sink) => send(sink, form),
      signal === undefined ? {} : { signal },
    );
  } while (piece !== undefined);
  return copied;
}
