import { CopylineError } from '@copyline/contracts';

import { type EarlyExitOptions, iterateExclusively } from './early-exit.ts';
import { abortReason } from './interruption.ts';
import { DRAIN_TIMEOUT_MS, type Session } from './session.ts';
import { CopyOutChannel } from './wire/copy-out-channel.ts';
import { StallWatch } from './stall-watch.ts';

/** How the data comes, and what ends it early; see `Connection.copyOut`. */
export interface CopyOutOptions extends EarlyExitOptions {
  /**
   * Whether every piece ends at the end of a row. A row is then never cut, and a piece is as large
   * as its rows; else pieces are what the network brings, about 64 KiB. Default: false.
   */
  readonly rowAligned?: boolean;
  /** Milliseconds the server may send nothing while data is waited for. Default: no limit. */
  readonly stallTimeoutMs?: number;
}

/** How long a server that has sent all may take for its last two messages. */
const LAST_WORDS_MS = 2_000;

/**
 * The data of one COPY … TO STDOUT: iterate over it, once. See `Connection.copyOut`.
 */
export class CopyOut implements AsyncIterable<Buffer> {
  readonly #session: Session;
  readonly #statement: string;
  readonly #options: CopyOutOptions;
  #isUsed = false;
  #channel: CopyOutChannel | undefined;
  #rowCount: number | undefined;
  #rowEnds: readonly number[] = [];

  /** @internal Use `Connection.copyOut`. */
  constructor(session: Session, statement: string, options: CopyOutOptions) {
    this.#session = session;
    this.#statement = statement;
    this.#options = options;
  }

  /** Rows as the server has counted them; `undefined` until all data has been read. */
  get rowCount(): number | undefined {
    return this.#rowCount;
  }

  /** Rows that the server has sent so far, a header of COPY's among them; grows ahead of the data. */
  get rowsReceived(): number {
    return this.#channel?.rowsReceived ?? 0;
  }

  /** With `rowAligned`: where each row of the piece that was given last ends in it. */
  get rowEnds(): readonly number[] {
    return this.#rowEnds;
  }

  /** @throws CopylineError `INTERNAL` the second time: the data has gone by */
  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    if (this.#isUsed) throw new CopylineError('INTERNAL', 'A COPY can be read only once');
    this.#isUsed = true;
    const { savepoint = true } = this.#options;
    const options = {
      ...this.#options,
      savepoint: savepoint && this.#session.server.can.copyUnderSavepoint,
    };
    return iterateExclusively(this.#session, 'copying-out', options, () => this.#copy());
  }

  async *#copy(): AsyncGenerator<Buffer, void, undefined> {
    const { signal, rowAligned = false, stallTimeoutMs } = this.#options;
    if (signal?.aborted === true) throw abortReason(signal);
    const channel = new CopyOutChannel(this.#session.client, this.#statement, rowAligned);
    this.#channel = channel;
    let leaving: Promise<void> | undefined;
    const giveUp = (reason: CopylineError): void => {
      channel.fail(reason);
      leaving ??= this.#end(channel); // now, and not when the consumer comes back
    };
    const onAbort = (): void => {
      if (signal !== undefined) giveUp(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const watch = new StallWatch('copy-out', stallTimeoutMs, giveUp);
    try {
      for (;;) {
        watch.start('The server');
        const piece = await channel.next();
        watch.stop();
        if (piece === undefined) break;
        this.#rowEnds = piece.rowEnds;
        yield piece.bytes;
      }
      this.#rowCount = channel.rowCount;
    } finally {
      watch.end();
      signal?.removeEventListener('abort', onAbort);
      await (leaving ?? this.#end(channel));
    }
  }

  /** Whatever the reason to stop: afterwards the connection is proven ready, or destroyed. */
  async #end(channel: CopyOutChannel): Promise<void> {
    channel.drop();
    if (channel.stage === 'over') return await this.#session.settle();
    const { drainTimeoutMs = DRAIN_TIMEOUT_MS } = this.#options;
    const graceMs = channel.stage === 'done' ? LAST_WORDS_MS : 0;
    await this.#session.proveReady({ graceMs, drainTimeoutMs });
  }
}

/**
 * Refuses what is not one COPY … TO STDOUT.
 *
 * @throws CopylineError `INTERNAL`
 */
export function assertCopyToStdout(statement: string): void {
  const unquoted = statement.replace(/"[^"]*"|'[^']*'/g, ' ').replace(/;\s*$/, '');
  if (/^\s*(?:\/\*.*?\*\/\s*)*copy[\s(][^;]*\sto\s+stdout\b[^;]*$/is.test(unquoted)) return;
  throw new CopylineError('INTERNAL', 'copyOut takes one COPY … TO STDOUT and nothing else');
}
