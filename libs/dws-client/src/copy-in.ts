import type pg from 'pg';
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams';

import { fromServerError } from './server-errors.ts';
import { socketOf } from './wire/pg-internals.ts';

/** Where the bytes of a COPY … FROM STDIN go. */
export interface CopySink {
  /**
   * Sends bytes as one CopyData message. Resolves when the bytes are handed to the operating
   * system: the buffer may be reused then, and waiting for it is the back-pressure.
   *
   * Chunks of 64 KiB to 1 MiB are best: each costs a message header and a system call.
   *
   * @throws CopylineError the server's refusal, or the reason of an abort.
   */
  write(chunk: Buffer): Promise<void>;
}

/**
 * One COPY … FROM STDIN on a client, over pg-copy-streams, with the rules that keep the connection
 * usable:
 *
 * - an `error` listener stands for the whole life of the stream, because late errors follow;
 * - the stream is destroyed only to send CopyFail, never after an error: its protocol side is gone
 *   by then and a destroy would throw;
 * - after CopyDone no CopyFail is possible any more, and none is tried;
 * - neither `close` nor `finish` is trusted to tell that the connection is ready: the caller proves
 *   it with a round trip.
 */
export class CopyIn implements CopySink {
  readonly #client: pg.Client;
  readonly #stream: CopyStreamQuery;
  #failure: Error | undefined;
  #rejectPending: ((error: Error) => void) | undefined;

  constructor(client: pg.Client, statement: string) {
    this.#client = client;
    this.#stream = client.query(copyFrom(statement));
    this.#stream.on('error', (error: Error) => {
      this.#fail(fromServerError(error));
    });
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#settle((resolve, reject) => {
      this.#stream.write(chunk, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    await this.#flushed();
  }

  /** Sends CopyDone. Resolves with the server's row count once the server is ready again. */
  async finish(): Promise<number> {
    await this.#settle((resolve) => {
      this.#stream.end(resolve);
    });
    return this.#stream.rowCount;
  }

  /** Sends CopyFail, unless the COPY has ended already. The server's answer is not awaited. */
  abort(reason: Error): void {
    const ended = this.#failure !== undefined || this.#stream.writableEnded;
    this.#fail(reason);
    if (!ended) this.#stream.destroy(new Error(reason.message));
  }

  /** A small chunk may sit in the socket's own queue after its callback; wait for that, too. */
  async #flushed(): Promise<void> {
    const socket = socketOf(this.#client);
    if (socket.writableLength === 0) return;
    await this.#settle((resolve) => {
      // An empty write calls back when everything before it has gone out.
      socket.write('', () => {
        resolve();
      });
    });
  }

  /** Runs one step; a failure of the COPY from anywhere ends it. */
  #settle(step: (resolve: () => void, reject: (error: Error) => void) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#rejectPending = reject;
      step(resolve, reject);
    }).finally(() => {
      this.#rejectPending = undefined;
    });
  }

  #fail(error: Error): void {
    // The first failure is the reason; what follows (57014 after our own CopyFail) is its echo.
    this.#failure ??= error;
    this.#rejectPending?.(this.#failure);
  }
}
