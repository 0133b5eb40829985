import { CopylineError } from '@copyline/contracts';
import { AsyncLocalStorage } from 'node:async_hooks';

import { assertCan } from './flavour/capabilities.ts';
import { Savepoint } from './savepoint.ts';
import { fromServerError, provesNoEffect } from './server-errors.ts';
import type { Session } from './session.ts';

/** What BEGIN is told; left out, the session's defaults hold. */
export interface TransactionOptions {
  /** Default: the session's, as `default_transaction_isolation` has it. */
  readonly isolation?: 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';
  /** READ ONLY or READ WRITE. Default: the session's. */
  readonly readOnly?: boolean;
  /** Of use with `serializable` and `readOnly`: waits for a snapshot that cannot fail. */
  readonly deferrable?: boolean;
  /** Called when COMMIT is about to be sent; from then on an interruption must wait. */
  readonly onCommit?: () => void;
}

/** One `transaction()` call while it runs: what {@link Rollback} names. */
export class TransactionBlock {
  /** 0 for the transaction itself, 1 and more for savepoints in it. */
  readonly depth: number;
  /** @internal The block of whoever called, on whichever connection. */
  readonly caller: TransactionBlock | undefined;

  /** @internal */
  constructor(depth: number, caller: TransactionBlock | undefined) {
    this.depth = depth;
    this.caller = caller;
  }
}

/**
 * Thrown inside a block, it undoes that block and nothing else: `transaction()` then resolves with
 * `undefined`. Blocks in between are undone on the way.
 */
export class Rollback extends Error {
  override readonly name = 'Rollback';
  /** What is undone, with all inside of it. */
  readonly block: TransactionBlock;

  /** For the block that a `transaction()` call gives to its work. */
  constructor(block: TransactionBlock) {
    super('A transaction block is rolled back on purpose');
    this.block = block;
  }
}

/** What runs in a transaction. Only work that takes its block can roll it back on purpose. */
export type TransactionWork = (block: TransactionBlock) => Promise<unknown>;

/** What `transaction()` resolves with: also `undefined` where there may be a {@link Rollback}. */
export type TransactionResult<Work extends TransactionWork> =
  Awaited<ReturnType<Work>> | (Parameters<Work> extends [] ? never : undefined);

/** In which block code runs, across awaits: what tells a nested call from one beside it. */
const current = new AsyncLocalStorage<TransactionBlock>();

/** Whether the running task is inside a transaction block, of whichever connection. */
export function isInTransaction(): boolean {
  return current.getStore() !== undefined;
}

/** The transaction blocks of one connection, the innermost last. */
export class Transactions {
  readonly #session: Session;
  readonly #open: TransactionBlock[] = [];
  #savepoints = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether a nested transaction is open, which is a savepoint. */
  get hasSavepoint(): boolean {
    return this.#savepoints > 0;
  }

  /** See `Connection.transaction`. */
  async run<T>(
    work: (block: TransactionBlock) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T | undefined> {
    this.#session.assertFree();
    const isNested = this.#assertInOrder();
    if (isNested) assertNoModes(options);
    if (options.isolation === 'serializable') {
      assertCan(this.#session.server, 'serializable', 'isolation level SERIALIZABLE');
    }
    const block = new TransactionBlock(this.#open.length, current.getStore());
    this.#open.push(block);
    try {
      return isNested
        ? await this.#runSavepoint(block, work)
        : await this.#runTransaction(block, work, options);
    } catch (error) {
      if (error instanceof Rollback && error.block === block) return undefined;
      throw error;
    } finally {
      const at = this.#open.indexOf(block);
      if (at >= 0) this.#open.splice(at);
    }
  }

  async #runTransaction<T>(
    block: TransactionBlock,
    work: (block: TransactionBlock) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T> {
    await this.#session.query({ text: beginStatement(options) });
    let result: T;
    try {
      result = await current.run(block, work, block);
      await this.#assertCanEnd(block);
      options.onCommit?.();
    } catch (error) {
      await this.#rollBack();
      throw asRolledBack(error);
    }
    await this.#commit();
    return result;
  }

  async #runSavepoint<T>(
    block: TransactionBlock,
    work: (block: TransactionBlock) => Promise<T>,
  ): Promise<T> {
    const session = this.#session;
    const inTurn = {
      run: session.query.bind(session),
      destroy: session.destroy.bind(session),
      get isUsable() {
        return session.isUsable;
      },
    };
    const savepoint = await Savepoint.set(inTurn, 'block');
    this.#savepoints += 1;
    let result: T;
    try {
      result = await current.run(block, work, block);
      await this.#assertCanEnd(block);
      if (session.lastWord === 'in-error') throw swallowedError();
    } catch (error) {
      // A transaction that is over has no savepoint any more.
      await session.quiet();
      if (session.lastWord !== 'idle') await savepoint.rollBack();
      throw asRolledBack(error);
    } finally {
      this.#savepoints -= 1;
    }
    await savepoint.release();
    return result;
  }

  /** @returns whether there is a transaction to nest in */
  #assertInOrder(): boolean {
    const innermost = this.#open.at(-1);
    if (innermost !== undefined) {
      for (let at = current.getStore(); at !== undefined; at = at.caller) {
        if (at === innermost) return true;
      }
      // As a savepoint it would become part of a transaction that it knows nothing of.
      throw misused('Another transaction block is open on this connection, beside this one');
    }
    const status = this.#session.transactionStatus;
    if (status === 'idle') return false;
    if (status === 'in-transaction') return true; // by a BEGIN of the user
    throw misused('The connection is busy with a statement, or with a transaction that has failed');
  }

  /** Says what can be known before the end is sent; nothing is in doubt then. */
  async #assertCanEnd(block: TransactionBlock): Promise<void> {
    const session = this.#session;
    if (this.#open.at(-1) !== block) {
      const error = misused('A transaction block has ended before one inside of it');
      // What the inner block still does must not run outside of any transaction.
      session.destroy(error);
      throw error;
    }
    await session.quiet();
    if (!session.isUsable) {
      throw new CopylineError('CONNECTION_LOST', 'The connection ended before COMMIT was sent');
    }
    if (session.lastWord === 'idle') {
      // COMMIT would be answered with COMMIT, and a warning that nobody sees.
      throw misused('A statement has ended the transaction before its COMMIT', 'unknown');
    }
  }

  /** The error that caused the rollback is the one to report; a failing ROLLBACK destroys. */
  async #rollBack(): Promise<void> {
    if (!this.#session.isUsable) return;
    try {
      await this.#session.query({ text: 'ROLLBACK' });
    } catch (error) {
      this.#session.destroy(fromServerError(error));
    }
  }

  async #commit(): Promise<void> {
    const session = this.#session;
    try {
      session.assertFree();
    } catch (error) {
      await this.#rollBack();
      throw asRolledBack(error);
    }
    let command: string | undefined;
    try {
      command = (await session.query({ text: 'COMMIT' })).at(-1)?.command;
    } catch (error) {
      if (wasNotSent(error)) throw asRolledBack(error);
      // The server's refusal, and the session alive after it: that is proof.
      if (provesNoEffect(error) && session.isUsable) {
        if (session.lastWord !== 'idle') await this.#rollBack();
        throw fromServerError(error).with({ commitState: 'rolled_back', phase: 'commit' });
      }
      const unknown = new CopylineError(
        'COMMIT_UNKNOWN',
        'The answer to COMMIT was lost; the transaction may or may not be committed',
        { cause: error, commitState: 'unknown', phase: 'commit' },
      );
      session.destroy(unknown);
      throw unknown;
    }
    if (command === 'COMMIT') return;
    throw new CopylineError(
      'COMMIT_ROLLED_BACK',
      `The server answered COMMIT with ${command ?? 'nothing'}`,
      { commitState: 'rolled_back', phase: 'commit' },
    );
  }
}

/** Source: PostgreSQL documentation, "BEGIN". */
function beginStatement({ isolation, readOnly, deferrable }: TransactionOptions): string {
  const modes = [
    ...(isolation === undefined ? [] : [`ISOLATION LEVEL ${isolation.toUpperCase()}`]),
    ...(readOnly === undefined ? [] : [readOnly ? 'READ ONLY' : 'READ WRITE']),
    ...(deferrable === undefined ? [] : [deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE']),
  ];
  return ['BEGIN', modes.join(' ')].join(' ').trim();
}

function assertNoModes(options: TransactionOptions): void {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  if (given.length === 0) return;
  const names = given.map(([name]) => name).join(', ');
  throw misused(`A nested transaction is a savepoint and cannot have options (${names})`);
}

/** What is known of another transaction, on another connection, stays. */
function asRolledBack(error: unknown): unknown {
  return error instanceof CopylineError && error.commitState === 'none'
    ? error.with({ commitState: 'rolled_back' })
    : error;
}

/** Whether the connection itself refused the statement: it was closed or lost before. */
function wasNotSent(error: unknown): boolean {
  return error instanceof CopylineError && error.code === 'CONNECTION_UNUSABLE';
}

function swallowedError(): CopylineError {
  const message = 'A statement of the block has failed; nothing of the block can be kept';
  return new CopylineError('COMMIT_ROLLED_BACK', message, {
    ...{ commitState: 'rolled_back', phase: 'transaction' },
  });
}

function misused(message: string, commitState: 'none' | 'unknown' = 'none'): CopylineError {
  return new CopylineError('TRANSACTION_MISUSED', message, { commitState, phase: 'transaction' });
}
