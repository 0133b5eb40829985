import type pg from 'pg';
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams';

import { fromServerError, provesNoEffect } from '../server-errors.ts';
import { socketOf } from './pg-internals.ts';

/** Where the bytes of a COPY … FROM STDIN go. */
export interface CopySink {
  /**
   * Sends bytes as CopyData. Resolves when the bytes are handed to the operating system: the buffer
   * may be reused then, and waiting for it is the back-pressure.
   *
   * Chunks of 64 KiB to 1 MiB are best: each costs a message header and a system call.
   *
   * @throws CopylineError the server's refusal, or the reason of an abort.
   */
  write(chunk: Buffer): Promise<void>;
}

/**
 * What the server's log says of a COPY that was ended from here. The reason itself stays here: it
 * may name what the server's log must not hold.
 */
const GIVEN_UP = 'given up by copyline';

/**
 * Larger chunks travel in several messages: the protocol ends at 1 GiB, and a write that is under way
 * shows no progress: a line of 64 kB a second needs 16 s for this much. Messages need not end where
 * rows do.
 */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * One COPY … FROM STDIN on a client, over pg-copy-streams, with the rules that keep the connection
 * usable:
 *
 * - an `error` listener stands for the whole life of the stream, because late errors follow;
 * - the stream is destroyed only to send CopyFail, never after an error: its protocol side is gone
 *   by then and a destroy would throw;
 * - one write at a time: what the stream itself would queue, it would try to send after an error;
 * - after CopyDone no CopyFail is possible any more, and none is tried;
 * - neither `close` nor `finish` is trusted to tell that the connection is ready: the caller proves
 *   it with a round trip.
 */
export class CopyInChannel implements CopySink {
  /** Rejects with the reason when the COPY fails, from whichever side. */
  readonly failed: Promise<never>;
  readonly #client: pg.Client;
  readonly #stream: CopyStreamQuery;
  #rejectFailed: (reason: Error) => void = () => undefined;
  /** Ends the step that is under way. */
  #rejectStep: (reason: Error) => void = () => undefined;
  #failure: { readonly reason: Error } | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  #isDone = false;
  #answer: 'none' | 'stored' | 'refused' = 'none';
  readonly #onProgress: (waitsFor: 'server' | 'source') => void;

  /** `onProgress` is told whose turn it is, each time that it changes. */
  constructor(
    client: pg.Client,
    statement: string,
    onProgress: (waitsFor: 'server' | 'source') => void = () => undefined,
  ) {
    this.#onProgress = onProgress;
    this.failed = new Promise<never>((_resolve, reject) => {
      this.#rejectFailed = reject;
    });
    this.failed.catch(() => undefined);
    this.#client = client;
    this.#stream = client.query(copyFrom(statement));
    this.#stream.on('error', (error: Error) => {
      if (provesNoEffect(error)) this.#answer = 'refused';
      this.#fail(fromServerError(error, 'copy-in'));
    });
  }

  /**
   * Whether the server has taken the rows. `maybe` when CopyDone was sent and its answer never
   * came, or was one that proves nothing.
   */
  get stored(): 'no' | 'yes' | 'maybe' {
    if (!this.#isDone || this.#answer === 'refused') return 'no';
    return this.#answer === 'stored' ? 'yes' : 'maybe';
  }

  /** The server's row count, once it has answered. */
  get rowCount(): number {
    return this.#stream.rowCount;
  }

  write(chunk: Buffer): Promise<void> {
    const written = this.#lastWrite.then(() => this.#sendInPieces(chunk));
    // A write that nobody waits for must not end the process; `finish` throws what it met.
    this.#lastWrite = written.catch(() => undefined);
    return written;
  }

  /** Resolves when all that was written has left, also what nobody waited for. */
  async flush(): Promise<void> {
    await this.#lastWrite;
    await this.#step((resolve) => {
      resolve();
    });
  }

  /** Waits for something of the caller's, until the COPY fails. */
  whileRunning<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(resolve, reject);
      if (this.#failure === undefined) this.#rejectStep = reject;
      else reject(this.#failure.reason);
    });
  }

  /** Sends CopyDone. Resolves with the server's row count once the server is ready again. */
  async finish(): Promise<number> {
    await this.#step((resolve) => {
      this.#isDone = true;
      this.#stream.end((error?: Error | null) => {
        if (error) return; // told by the `error` event, too
        this.#answer = 'stored';
        resolve();
      });
    });
    return this.rowCount;
  }

  /** Sends CopyFail, unless the COPY has ended already. The server's answer is not awaited. */
  abort(reason: unknown): void {
    const isOver = this.#failure !== undefined || this.#isDone;
    this.#fail(reason as Error); // whatever the caller threw is thrown on as it is
    if (!isOver) this.#stream.destroy(new Error(GIVEN_UP));
  }

  async #sendInPieces(chunk: Buffer): Promise<void> {
    if (chunk.length <= MAX_MESSAGE_BYTES) {
      await this.#send(chunk);
      return;
    }
    for (let at = 0; at < chunk.length; at += MAX_MESSAGE_BYTES) {
      await this.#send(chunk.subarray(at, at + MAX_MESSAGE_BYTES));
    }
  }

  async #send(chunk: Buffer): Promise<void> {
    this.#onProgress('server');
    await this.#sendOne(chunk);
    this.#onProgress('source');
  }

  async #sendOne(chunk: Buffer): Promise<void> {
    const socket = socketOf(this.#client);
    await this.#step((resolve) => {
      // Header and payload leave together: one system call, and no packet of five bytes.
      socket.cork();
      this.#stream.write(chunk, (error) => {
        if (!error) resolve(); // else told by the `error` event, too
      });
      socket.uncork();
    });
    // A small chunk may sit in the socket's own queue after its callback; wait for that, too.
    if (socket.writableLength === 0) return;
    await this.#step((resolve) => {
      // An empty write calls back when everything before it has gone out.
      socket.write('', () => {
        resolve();
      });
    });
  }

  /** Runs one step, never two at a time; a failure of the COPY from anywhere ends it. */
  #step(start: (resolve: () => void) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.reason);
        return;
      }
      this.#rejectStep = reject;
      start(resolve);
    });
  }

  #fail(reason: Error): void {
    // The first failure is the reason; what follows (57014 after our own CopyFail) is its echo.
    this.#failure ??= { reason };
    this.#rejectFailed(this.#failure.reason);
    this.#rejectStep(this.#failure.reason);
  }
}
