import { parseConninfo } from '../conninfo/conninfo.ts';
import type { ConnectionParameters } from '../conninfo/keywords.ts';
import { Connection, endClient } from '../connection.ts';
import { type RetryPolicy, withRetry } from '../retry.ts';
import type { Protocol } from '../wire/login-client.ts';
import type { Lookup } from './addresses.ts';
import { type ConnectStatus, findSession } from './find-session.ts';

/** Where to connect, and how patiently. */
export interface ConnectOptions {
  /** A conninfo text, completed from the environment; or parameters, which are taken as they are. */
  readonly target: string | ConnectionParameters;
  /** Shown in pg_stat_activity. Default: the conninfo's, its fall-back's, else `copyline`. */
  readonly applicationName?: string;
  /**
   * Milliseconds for each address, and for each lookup of a name. Default: the conninfo's
   * `connect_timeout`, else 10,000 divided by the number of hosts. All of it a `signal` bounds.
   */
  readonly connectTimeoutMs?: number;
  /**
   * The schemas that unqualified names mean. Without those in which others may create, nobody can slip
   * a function or a table in; `[]` leaves only what the server brings. Default: the server's.
   */
  readonly searchPath?: readonly string[];
  /**
   * The version of the protocol to begin with. Default: what the server at the address spoke last, else
   * 3.0. A server that speaks another one is asked again with that; see docs/dws.md.
   */
  readonly protocol?: Protocol;
  /** Finds the addresses of a host, in place of the operating system. */
  readonly lookup?: Lookup;
  /** Told how far each attempt comes. */
  readonly onStatus?: (status: ConnectStatus) => void;
  /** Ends the attempt, or the pause before the next one, at once. Default: none. */
  readonly signal?: AbortSignal;
  /** How to try again when no server can be reached. Default: one round over all addresses. */
  readonly retry?: RetryPolicy;
}

/**
 * Opens a connection: to the first address of the first host that has what the conninfo wants.
 *
 * @throws CopylineError `CONNECT_FAILED`, with every address tried and why; `AUTH_FAILED`,
 *   `DATABASE_NOT_FOUND`, `CONNINFO_INVALID`, or the reason of the signal.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const parameters = resolveParameters(options.target);
  const { retry, signal } = options;
  const once = async (): Promise<Connection> => {
    const session = await findSession(parameters, options);
    return new Connection(session.client, { ...session, release: endClient });
  };
  if (retry === undefined) return await once();
  const interruptible = signal === undefined ? {} : { signal };
  return await withRetry({ ...retry, unit: 'connect', ...interruptible }, once);
}

/**
 * Parameters with every default; those that are given as an object leave nothing to the environment.
 *
 * @throws ConninfoError
 */
export function resolveParameters(target: string | ConnectionParameters): ConnectionParameters {
  return typeof target === 'string' ? parseConninfo(target) : parseConninfo(target, { env: {} });
}
