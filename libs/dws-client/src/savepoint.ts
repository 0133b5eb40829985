import { quoteIdentifier } from './identifiers.ts';
import { fromServerError } from './server-errors.ts';
import type { Session } from './session.ts';

/** What a savepoint needs of its session. */
interface Holder extends Pick<Session, 'isUsable' | 'destroy'> {
  run(config: { readonly text: string }): Promise<unknown>;
}

let ordinal = 0;

/** A savepoint with a name of its own, set by the driver inside a transaction of the user. */
export class Savepoint {
  readonly #session: Holder;
  readonly #name: string;

  private constructor(session: Holder, name: string) {
    this.#session = session;
    this.#name = name;
  }

  static async set(session: Holder, purpose: string): Promise<Savepoint> {
    ordinal += 1;
    const name = quoteIdentifier(`copyline_${purpose}_${String(ordinal)}`);
    await session.run({ text: `SAVEPOINT ${name}` });
    return new Savepoint(session, name);
  }

  async release(): Promise<void> {
    await this.#session.run({ text: `RELEASE SAVEPOINT ${this.#name}` });
  }

  /** Undoes what came after it. When that fails, the connection is destroyed; never throws. */
  async rollBack(): Promise<void> {
    if (!this.#session.isUsable) return;
    try {
      await this.#session.run({ text: `ROLLBACK TO SAVEPOINT ${this.#name}` });
      await this.release();
    } catch (error) {
      this.#session.destroy(fromServerError(error));
    }
  }
}
