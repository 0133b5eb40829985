import { Secret } from '@copyline/dws-client';
import { createHash, randomBytes } from 'node:crypto';

import type { ControlDatabase } from './control-database.ts';

/** 256 random bits: nobody guesses one, so a plain fast digest of it is safe to store. */
const TOKEN_BYTES = 32;
/** A working day: longer than a shift, shorter than a lost laptop. */
const SESSION_HOURS = 12;

/** Who may use the service: access tokens, and the sessions of browsers that have shown one. */
export class Access {
  readonly #database: ControlDatabase;
  readonly #schema: string;

  constructor(database: ControlDatabase) {
    this.#database = database;
    this.#schema = database.schema;
  }

  /**
   * Makes the first token, unless there is one. Any number of processes may try at once.
   *
   * @param deliver brings the token to its owner; this is the only time that anybody is told it, and
   *   when it fails there is no token
   * @returns whether one was made
   */
  async createFirstToken(deliver: (token: Secret) => Promise<void>): Promise<boolean> {
    const token = new Secret(`cpl_${randomBytes(TOKEN_BYTES).toString('base64url')}`);
    return this.#database.transaction(async (query) => {
      await query(`LOCK TABLE ${this.#schema}.access_token IN SHARE ROW EXCLUSIVE MODE`);
      const { rowCount } = await query(
        `INSERT INTO ${this.#schema}.access_token (name, digest)
         SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM ${this.#schema}.access_token)`,
        ['first', digestOf(token.reveal())],
      );
      if (rowCount === 0) return false;
      await deliver(token);
      return true;
    });
  }

  /** Makes a token of the operator's choice the only one; sessions of others end. */
  async setToken(token: Secret): Promise<void> {
    const digest = digestOf(token.reveal());
    await this.#database.transaction(async (query) => {
      await query(`DELETE FROM ${this.#schema}.access_token WHERE digest <> $1`, [digest]);
      await query(
        `INSERT INTO ${this.#schema}.access_token (name, digest) VALUES ($1, $2)
         ON CONFLICT DO NOTHING`,
        ['chosen', digest],
      );
    });
  }

  async isToken(text: string): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      // Digests are compared, not tokens: how long the comparison takes tells nothing about a token.
      `SELECT FROM ${this.#schema}.access_token WHERE digest = $1`,
      [digestOf(text)],
    );
    return rowCount > 0;
  }

  /** @returns the session's secret for a cookie, or undefined for a wrong token */
  async openSession(
    token: string,
  ): Promise<{ readonly secret: Secret; readonly hours: number } | undefined> {
    if (!(await this.isToken(token))) return undefined;
    const secret = randomBytes(TOKEN_BYTES).toString('base64url');
    await this.#database.query(
      `WITH old AS (DELETE FROM ${this.#schema}.access_session WHERE expires_at < clock_timestamp())
       INSERT INTO ${this.#schema}.access_session (digest, token_digest, expires_at)
       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 hour')`,
      [digestOf(secret), digestOf(token), SESSION_HOURS],
    );
    return { secret: new Secret(secret), hours: SESSION_HOURS };
  }

  /** A session ends with its time, and with the token it was opened with. */
  async isSession(secret: string): Promise<boolean> {
    const { rowCount } = await this.#database.query(
      `SELECT FROM ${this.#schema}.access_session s
         JOIN ${this.#schema}.access_token t ON t.digest = s.token_digest
        WHERE s.digest = $1 AND s.expires_at > clock_timestamp()`,
      [digestOf(secret)],
    );
    return rowCount > 0;
  }

  async closeSession(secret: string): Promise<void> {
    await this.#database.query(`DELETE FROM ${this.#schema}.access_session WHERE digest = $1`, [
      digestOf(secret),
    ]);
  }
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
