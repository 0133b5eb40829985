import pg from 'pg';

import { type EarlyExitOptions, iterateExclusively } from './early-exit.ts';
import { abortReason } from './interruption.ts';
import { queryConfig, type QueryOptions } from './queries.ts';
import { fromServerError, keepValuesOut } from './server-errors.ts';
import type { Session } from './session.ts';
import { socketOf } from './wire/pg-internals.ts';

/** How rows are read, and how reading may end; see `Connection.stream`. */
export interface StreamOptions extends QueryOptions, EarlyExitOptions {}

/** The rows of one statement as they come; see `Connection.stream`. */
export function streamRows<R extends object>(
  session: Session,
  text: string,
  parameters: readonly unknown[],
  options: StreamOptions,
): AsyncGenerator<R, void, undefined> {
  return iterateExclusively(session, 'streaming', options, async function* () {
    const { signal, drainTimeoutMs } = options;
    if (signal?.aborted === true) throw abortReason(signal);
    const rows = new RowQueue<R>(session.client, queryConfig(text, parameters, options));
    let leaving: Promise<void> | undefined;
    const end = (): Promise<void> => {
      rows.drop();
      if (rows.isOver) return session.settle();
      const drain = drainTimeoutMs === undefined ? {} : { drainTimeoutMs };
      return session.proveReady({ graceMs: 0, ...drain });
    };
    const onAbort = (): void => {
      if (signal !== undefined) rows.fail(abortReason(signal));
      leaving ??= end(); // now, and not when the consumer comes back
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (let row = await rows.next(); row !== undefined; row = await rows.next()) yield row;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await (leaving ?? end());
    }
  });
}

/**
 * Rows between the socket and their consumer. The socket is paused while a row waits, so that no
 * more is held than one read of the socket brings.
 */
class RowQueue<R> {
  isOver = false;
  readonly #client: pg.Client;
  #rows: R[] = [];
  #at = 0;
  #isPaused = false;
  #isDropping = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(client: pg.Client, config: pg.QueryConfig<unknown[]>) {
    this.#client = client;
    const query = new pg.Query<object>(config);
    query.on('row', (row) => {
      this.#push(row as R);
    });
    query.on('error', (error: Error) => {
      keepValuesOut(error, config.values);
      this.#failure ??= fromServerError(error, 'stream');
      this.#finish();
    });
    query.on('end', () => {
      this.#finish();
    });
    client.query(query);
  }

  async next(): Promise<R | undefined> {
    for (;;) {
      if (this.#at < this.#rows.length) return this.#rows[this.#at++];
      if (this.#failure !== undefined) throw this.#failure;
      if (this.isOver) return undefined;
      this.#rows = [];
      this.#at = 0;
      const more = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#flow();
      await more;
    }
  }

  drop(): void {
    this.#isDropping = true;
    this.#rows = [];
    this.#at = 0;
    this.#flow();
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
    this.drop();
    this.#wake();
  }

  #push(row: R): void {
    if (this.#isDropping) return;
    this.#rows.push(row);
    if (!this.#isPaused) {
      this.#isPaused = true;
      socketOf(this.#client).pause();
    }
    this.#wake();
  }

  #finish(): void {
    this.isOver = true;
    this.#flow();
    this.#wake();
  }

  #flow(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    socketOf(this.#client).resume();
  }
}
