import { EventEmitter } from 'node:events';
import type pg from 'pg';

import { isOpen } from '../wire/pg-internals.ts';
import type { OpenSession } from './open-session.ts';

type Done = (error?: unknown) => void;

/** What node-postgres' client tells its user, beside answers. */
const EVENTS = ['error', 'end', 'notification', 'notice'] as const;

/**
 * What a node-postgres pool takes for one of its clients. A client of node-postgres knows one address;
 * this one looks for a session wherever the conninfo leads, and then stands for it.
 */
export class PooledClient extends EventEmitter {
  readonly #find: (signal: AbortSignal) => Promise<OpenSession>;
  readonly #aborter = new AbortController();
  #session: OpenSession | undefined;
  /** Given by the pool with each loan. */
  declare release: (destroy?: boolean) => void;

  constructor(find: (signal: AbortSignal) => Promise<OpenSession>) {
    super();
    this.#find = find;
  }

  /** The session, once the pool has given the client out. */
  get session(): OpenSession {
    if (this.#session === undefined) throw new Error('a client that is not connected');
    return this.#session;
  }

  /** The pool's way to connect. */
  connect(done: Done): void {
    this.#find(this.#aborter.signal).then(
      (session) => {
        this.#adopt(session);
        done();
      },
      (error: unknown) => {
        done(error);
      },
    );
  }

  /** Whether the session stands; the pool asks before it gives up on one that does not. */
  isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** Ends the session, or the search for one. */
  end(done: () => void = () => undefined): void {
    this.#aborter.abort();
    if (this.#session === undefined) done();
    else this.#session.client.end(done);
  }

  /** For a library that uses the pool by itself. */
  query(...args: Parameters<pg.Client['query']>): unknown {
    return this.session.client.query(...args);
  }

  /** Read by the pool: whether the client may be used again. */
  get _queryable(): boolean {
    return this.#session !== undefined && isOpen(this.#session.client);
  }

  #adopt(session: OpenSession): void {
    this.#session = session;
    for (const event of EVENTS) {
      session.client.on(event as 'end', (...args: unknown[]) => {
        // Between two users nobody may listen, and an error without a listener would end the process.
        if (event !== 'error' || this.listenerCount(event) > 0) this.emit(event, ...args);
      });
    }
  }
}

/** Gives pg-pool a class, as it wants one, of clients that find their session like this. */
export function pooledClientClass(
  find: (signal: AbortSignal) => Promise<OpenSession>,
): new () => pg.Client {
  class Client extends PooledClient {
    constructor() {
      super(find);
    }
  }
  return Client as unknown as new () => pg.Client;
}
