import { CopylineError } from '@copyline/contracts';
import { setImmediate as nextTick } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';

import { isTrueWithin, settlesWithin } from './in-time.ts';
import { throwIfAborted, untilAborted } from './interruption.ts';
import { NoticeLog } from './notices.ts';
import { fromServerError, keepValuesOut, sqlstateOf } from './server-errors.ts';
import type { Server } from './flavour/capabilities.ts';
import { type CancelOutcome, sendCancelRequest } from './wire/cancel-request.ts';
import { serverOf } from './wire/login-client.ts';
import { cancelKeyOf, isBusy, socketOf, whenReady } from './wire/pg-internals.ts';

/**
 * How long a server may take to become ready after something was ended early that it should notice
 * by itself. A backend that is parsing needs milliseconds; one that waits for a lock needs the
 * CancelRequest that follows.
 */
const READY_TIMEOUT_MS = 2_000;
/** How long a CancelRequest may take to be acted upon. */
export const CANCEL_TIMEOUT_MS = 3_000;
/** How long after that. Then the connection is destroyed: nothing is proven. */
export const DRAIN_TIMEOUT_MS = 5_000;
/** How long from an error to the server's readiness: it undoes the transaction in between. */
const UNDO_TIMEOUT_MS = 10_000;

/**
 * Where the session stands in a transaction, as libpq has it: `active` while anything runs, and
 * `unknown` once the connection is lost or closed. The other three are the server's last word.
 */
export type TransactionStatus = 'idle' | 'active' | 'in-transaction' | 'in-error' | 'unknown';

/** What the connection is doing. Only `closed` and `lost` are for good. */
export type ConnectionStatus =
  'ready' | 'querying' | 'copying-in' | 'copying-out' | 'streaming' | 'closed' | 'lost';

/** What holds a session for longer than one statement. */
export type Occupation = Extract<ConnectionStatus, 'copying-in' | 'copying-out' | 'streaming'>;

const STATUS_OF_LETTER: Readonly<Record<string, TransactionStatus>> = {
  I: 'idle',
  T: 'in-transaction',
  E: 'in-error',
};

/** How the connection came about; what is needed to cancel and to let go of it. */
export interface ConnectionOrigin {
  /** An IP address, or the directory of a socket. */
  readonly address: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
  /** Makes the session fit for its next user; throws when it cannot. Only pools have one. */
  readonly clean?: (session: Session) => Promise<void>;
  /** Takes the client back. `reusable` is false when the connection must not be used again. */
  readonly release: (client: pg.Client, reusable: boolean) => Promise<void>;
}

/**
 * The state of one connection, and the order of what happens on it: one statement after the other,
 * each only when the server has said that it is ready. Inside of `Connection`.
 */
export class Session {
  readonly client: pg.Client;
  /** What it is connected to. */
  readonly server: Server;
  readonly notices: NoticeLog;
  readonly #origin: ConnectionOrigin;
  #closing: Promise<void> | undefined;
  #isGivenBack = false;
  #lost: CopylineError | undefined;
  #occupation: Occupation | undefined;
  /** Statements that run or wait for their turn; until they are answered nothing is known. */
  #pending = 0;
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Cancels whose effect is not over: no statement may start before it is. */
  #cancels: Promise<CancelOutcome>[] = [];
  /** The last of them while it is on its way: whoever cancels meanwhile means the same. */
  #cancelUnderWay: Promise<CancelOutcome> | undefined;

  constructor(client: pg.Client, origin: ConnectionOrigin) {
    this.client = client;
    this.server = serverOf(client);
    this.#origin = origin;
    this.notices = new NoticeLog(client);
    // Without a listener a killed backend would end the process.
    client.on('error', this.#onError);
    socketOf(client).on('end', this.#onEnd);
  }

  /** What the server calls itself in a CancelRequest; on PostgreSQL its process id. */
  get processId(): number {
    return cancelKeyOf(this.client)?.processId ?? 0;
  }

  get isUsable(): boolean {
    return this.#closing === undefined && this.#lost === undefined;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  get status(): ConnectionStatus {
    if (this.#closing !== undefined) return 'closed';
    if (this.#lost !== undefined) return 'lost';
    return this.#occupation ?? (this.#pending > 0 ? 'querying' : 'ready');
  }

  get transactionStatus(): TransactionStatus {
    if (!this.isUsable) return 'unknown';
    return this.#occupation === undefined && this.#pending === 0 ? this.lastWord : 'active';
  }

  /** What the last ReadyForQuery said, whatever has been sent since. */
  get lastWord(): TransactionStatus {
    return STATUS_OF_LETTER[this.client.getTransactionStatus() ?? ''] ?? 'unknown';
  }

  /** Resolves when what has been sent or queued so far is answered. */
  async quiet(): Promise<void> {
    await this.#lastTurn;
  }

  /** Runs a statement when its turn comes. */
  query(config: pg.QueryConfig<unknown[]>): Promise<pg.QueryResult<object>[]> {
    this.assertFree();
    return this.#inTurn(() => this.run(config));
  }

  /** Runs a statement now: the caller has the turn, by `occupy`. */
  async run(config: pg.QueryConfig<unknown[]>): Promise<pg.QueryResult<object>[]> {
    await this.#cancelIsOver();
    this.#assertOpen();
    try {
      const result = (await this.client.query<object>(config)) as
        pg.QueryResult<object> | pg.QueryResult<object>[];
      return Array.isArray(result) ? result : [result];
    } catch (error) {
      await this.settle();
      keepValuesOut(error, config.values);
      throw fromServerError(error);
    }
  }

  /** After an error: the server is ready again, or the connection is destroyed. */
  async settle(): Promise<void> {
    if (await settlesWithin(whenReady(this.client), UNDO_TIMEOUT_MS)) return;
    this.destroy(new CopylineError('CONNECTION_UNUSABLE', 'No ReadyForQuery after an error'));
  }

  /**
   * Takes the session for something that is more than one statement, when all before it is done.
   * Until the returned function is called nobody else may use it.
   */
  async occupy(occupation: Occupation, signal: AbortSignal | undefined): Promise<() => void> {
    this.assertFree();
    throwIfAborted(signal);
    this.#occupation = occupation;
    const leave = (): void => {
      this.#occupation = undefined;
    };
    try {
      await untilAborted(this.#lastTurn, signal);
      await this.#cancelIsOver();
      this.#assertUsable();
      throwIfAborted(signal);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * Cancels what runs. Whatever comes after it cannot be hit: it starts only when the server has
   * acted on the request, and an empty query in front of it takes the cancel that came too late. One
   * that came too early, before its statement had reached the server, may be repeated.
   */
  async cancel(timeoutMs: number, request?: () => Promise<CancelOutcome>): Promise<CancelOutcome> {
    if (this.transactionStatus !== 'active') return 'never-sent';
    // A statement of the same moment is about to be sent: it is meant, too.
    if (!isBusy(this.client)) await nextTick();
    if (!isBusy(this.client)) return 'never-sent';
    if (this.#cancelUnderWay === undefined) {
      const cancelling = (request?.() ?? this.#sendCancel(timeoutMs)).finally(() => {
        this.#cancelUnderWay = undefined;
      });
      this.#cancelUnderWay = cancelling;
      this.#cancels.push(cancelling);
    }
    return this.#cancelUnderWay;
  }

  /**
   * After something that was ended early: an empty query must answer before anything else is sent.
   * A server that does not answer within the grace is asked to cancel; a connection that stays
   * silent is destroyed, and so is one with a CancelRequest still on its way.
   */
  async proveReady({
    graceMs = READY_TIMEOUT_MS,
    drainTimeoutMs = DRAIN_TIMEOUT_MS,
  } = {}): Promise<void> {
    const ready = this.#answers();
    if (await isTrueWithin(ready, graceMs)) return;
    const outcome = await this.#sendCancel(CANCEL_TIMEOUT_MS);
    if (outcome !== 'maybe-sent') {
      // The first empty query may be what a late cancel hits; the second one cannot.
      const proven = outcome === 'acted' ? ready.then(() => this.#answers()) : ready;
      if (await isTrueWithin(proven, drainTimeoutMs)) return;
    }
    this.destroy(
      new CopylineError('CONNECTION_UNUSABLE', 'The server did not become ready in time'),
    );
  }

  /** Gives the client back, clean and proven idle, or lets it go for good. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close(this.transactionStatus));
  }

  /** Closes the socket at once; the server rolls back what was open. */
  destroy(reason: CopylineError): void {
    if (this.#isGivenBack) return; // it may be somebody else's by now
    this.#lost ??= reason;
    socketOf(this.client).destroy();
  }

  /** @throws CopylineError when the session is closed, lost, or held by something long. */
  assertFree(): void {
    this.#assertUsable();
    if (this.#occupation === undefined) return;
    const what = this.#occupation === 'streaming' ? 'Rows are being read' : 'A COPY is running';
    throw new CopylineError('INTERNAL', `${what} on this connection`);
  }

  async #close(status: TransactionStatus): Promise<void> {
    let isReusable = this.#lost === undefined && status !== 'active' && status !== 'unknown';
    if (isReusable) {
      try {
        // Also when nothing is to be cleaned: a cancel must not hit the next user.
        await this.#cancelIsOver();
        await this.#origin.clean?.(this);
        isReusable = this.lastWord === 'idle' && this.#lost === undefined;
      } catch {
        isReusable = false;
      }
    }
    this.#isGivenBack = true;
    this.notices.close();
    socketOf(this.client).off('end', this.#onEnd);
    if (!isReusable) {
      this.client.on('error', () => undefined);
      socketOf(this.client).destroy();
    }
    await this.#origin.release(this.client, isReusable);
    this.client.off('error', this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= fromServerError(error);
  };

  /** The server has said its last word; bytes that still wait for it must not keep the socket. */
  readonly #onEnd = (): void => {
    socketOf(this.client).destroy();
  };

  /** One statement after the other: node-postgres will not queue them for much longer. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    const result = this.#lastTurn.then(work).finally(() => {
      this.#pending -= 1;
    });
    this.#lastTurn = result.catch(() => undefined);
    return result;
  }

  /** Cancels that were asked for while something ran must not reach what comes now. */
  async #cancelIsOver(): Promise<void> {
    if (this.#cancels.length === 0) return;
    const outcomes = await Promise.all(this.#cancels);
    this.#cancels = [];
    if (outcomes.every((outcome) => outcome === 'never-sent') || !this.#isOpen) return;
    const haveArrived = !outcomes.includes('maybe-sent');
    if (haveArrived && (await isTrueWithin(this.#answers(), DRAIN_TIMEOUT_MS))) return;
    this.destroy(new CopylineError('CONNECTION_UNUSABLE', 'A cancel may still be on its way'));
  }

  /** Whether the server answers at all; a cancel that hits the empty query is an answer, too. */
  #answers(): Promise<boolean> {
    return this.client.query('').then(
      () => true,
      async (error: unknown) => {
        if (sqlstateOf(error) !== '57014') return false;
        await whenReady(this.client);
        return true;
      },
    );
  }

  #sendCancel(timeoutMs: number): Promise<CancelOutcome> {
    const key = cancelKeyOf(this.client);
    if (key === undefined || socketOf(this.client).destroyed) return Promise.resolve('never-sent');
    const { address: host, port, tls } = this.#origin;
    const target = { host, port, ...key, ...(tls === undefined ? {} : { tls }) };
    return sendCancelRequest(target, timeoutMs);
  }

  /** While it is being closed a session still works, for what cleans it. */
  get #isOpen(): boolean {
    return !this.#isGivenBack && this.#lost === undefined;
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw this.#unusable();
  }

  #assertUsable(): void {
    if (!this.isUsable) throw this.#unusable();
  }

  #unusable(): CopylineError {
    const isClosed = this.#closing !== undefined;
    return new CopylineError(
      'CONNECTION_UNUSABLE',
      isClosed ? 'The connection is closed' : 'The connection was lost before',
      { cause: this.#lost },
    );
  }
}
