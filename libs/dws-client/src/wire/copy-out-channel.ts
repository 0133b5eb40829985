import { CopylineError } from '@copyline/contracts';
import type pg from 'pg';

import { fromServerError } from '../server-errors.ts';
import { CopyDataReader } from './copy-data-reader.ts';
import { type ByteTap, type PgWire, type Submittable, submit, tapBytes } from './pg-internals.ts';

/**
 * How much may wait for the consumer before the socket is paused, and how little before it is read
 * again: some socket reads of 64 KiB, so that the server works while the consumer does.
 */
const PAUSE_ABOVE_BYTES = 512 * 1024;
const RESUME_BELOW_BYTES = 256 * 1024;

/** Some data, and where the rows in it end: that is known of whole rows only, else it is empty. */
export interface Piece {
  readonly bytes: Buffer;
  readonly rowEnds: readonly number[];
}

/**
 * The protocol's side of one COPY … TO STDOUT. It reads the connection's bytes itself, as
 * pg-copy-streams does, because node-postgres would make an event of every row; but unlike that:
 *
 * - all that is not data (notices, errors, the end) goes to node-postgres, so nothing is lost;
 * - it can be told to drop what comes, so that a COPY that nobody reads any more can be drained;
 * - it has ended only with ReadyForQuery, when the count is known and the next statement may come.
 */
export class CopyOutChannel implements Submittable {
  /** `sent` until the server copies, `done` after CopyDone, `over` when it is ready or gone. */
  stage: 'sent' | 'copying' | 'done' | 'over' = 'sent';
  /** The server's count; `undefined` until it has come. */
  rowCount: number | undefined;
  readonly #text: string;
  readonly #reader: CopyDataReader;
  #wire: PgWire | undefined;
  #tap: ByteTap | undefined;
  #queue: Piece[] = [];
  #queuedBytes = 0;
  #isPaused = false;
  #isDropping = false;
  #failure: CopylineError | undefined;
  #wake: () => void = () => undefined;

  constructor(client: pg.Client, text: string, wholeMessages: boolean) {
    this.#text = text;
    this.#reader = new CopyDataReader(
      {
        onData: (bytes, rowEnds) => {
          this.#enqueue({ bytes, rowEnds });
        },
        onOther: (bytes) => this.#tap?.pass(bytes),
        onBegin: () => {
          this.stage = 'copying';
        },
        onDone: () => {
          this.stage = 'done';
        },
        onReady: (rest) => {
          const tap = this.#tap;
          this.#release();
          tap?.pass(rest);
        },
      },
      wholeMessages,
    );
    submit(client, this);
  }

  /** Rows that have come to their end, whether they were read or dropped. */
  get rowsReceived(): number {
    return this.#reader.messages;
  }

  /**
   * The next piece of data, `undefined` after the last.
   *
   * @throws CopylineError what the server has said, or the reason given to `fail`
   */
  async next(): Promise<Piece | undefined> {
    for (;;) {
      const piece = this.#queue.shift();
      if (piece !== undefined) {
        this.#queuedBytes -= piece.bytes.length;
        if (this.#isPaused && this.#queuedBytes < RESUME_BELOW_BYTES) this.#flow();
        return piece;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.stage === 'over') return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Drops what has come and what comes: nobody wants it any more. */
  drop(): void {
    this.#isDropping = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#flow();
  }

  /** Drops everything and lets `next` fail with the reason. */
  fail(reason: CopylineError): void {
    this.#failure ??= reason;
    this.drop();
    this.#wake();
  }

  submit(wire: PgWire): Error | undefined {
    this.#wire = wire;
    this.#tap = tapBytes(wire, (bytes) => {
      this.#reader.read(bytes);
    });
    if (this.#tap === undefined) {
      return new CopylineError('INTERNAL', 'Something else reads the socket of the connection');
    }
    wire.query(this.#text);
    return undefined;
  }

  handleError(error: Error): void {
    this.#failure ??= fromServerError(error, 'copy-out');
    // Its ReadyForQuery still passes here; a connection that has gone sends none.
    if (this.#wire?.stream.destroyed !== false) this.#release();
    this.stage = 'over';
    this.#wake();
  }

  handleCommandComplete({ text }: { readonly text?: string }): void {
    const count = /^COPY (\d+)$/.exec(text ?? '')?.[1];
    if (count !== undefined) this.rowCount = Number(count);
    else this.#failure ??= notACopy();
  }

  handleReadyForQuery(): void {
    this.stage = 'over';
    this.#wake();
  }

  /** The statement was COPY … FROM STDIN in some disguise: it must not wait for data. */
  handleCopyInResponse(wire: PgWire): void {
    this.#failure ??= notACopy();
    wire.sendCopyFail('no data');
  }

  handleRowDescription(): void {
    this.#failure ??= notACopy();
  }

  handleDataRow(): void {}

  handleEmptyQuery(): void {
    this.#failure ??= notACopy();
  }

  #enqueue(piece: Piece): void {
    if (this.#isDropping) return;
    this.#queue.push(piece);
    this.#queuedBytes += piece.bytes.length;
    if (this.#queuedBytes > PAUSE_ABOVE_BYTES) {
      this.#isPaused = true;
      this.#wire?.stream.pause();
    }
    this.#wake();
  }

  #flow(): void {
    this.#isPaused = false;
    this.#wire?.stream.resume();
  }

  /** Gives the socket back to node-postgres. */
  #release(): void {
    this.#tap?.end();
    this.#tap = undefined;
    this.#flow();
  }
}

function notACopy(): CopylineError {
  return new CopylineError('INTERNAL', 'copyOut takes one COPY … TO STDOUT and nothing else');
}
