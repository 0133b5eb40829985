import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';

import { type ConnectionParameters, describeTarget, parseConninfo } from './conninfo.ts';
import { Connection, endClient } from './connection.ts';
import { throwIfAborted } from './interruption.ts';
import { type RetryPolicy, withRetry } from './retry.ts';
import { fromConnectError } from './server-errors.ts';
import { LoginClient, type Protocol } from './wire/login-client.ts';
import { socketOf } from './wire/pg-internals.ts';

/** Default for `connectTimeoutMs`: long enough for a cold server, short enough for a person. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Where to connect, and how patiently. */
export interface ConnectOptions {
  /** A conninfo text, or parameters parsed before. */
  readonly target: string | ConnectionParameters;
  /** Shown in pg_stat_activity. Default: the conninfo's, else `copyline`. */
  readonly applicationName?: string;
  /** Milliseconds for one attempt. Default: the conninfo's `connect_timeout`, else 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * The version of the protocol to begin with. Default: what the server at the address spoke last, else
   * 3.0. A server that speaks another one is asked again with that; see docs/dws.md.
   */
  readonly protocol?: Protocol;
  /** Ends the attempt, or the pause before the next one, at once. Default: none. */
  readonly signal?: AbortSignal;
  /** How to try again when the server cannot be reached. Default: one attempt. */
  readonly retry?: RetryPolicy;
}

/**
 * Opens a connection.
 *
 * @throws CopylineError `CONNECT_FAILED`, `AUTH_FAILED`, `DATABASE_NOT_FOUND`, `CONNINFO_INVALID`,
 *   or the reason of the signal.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const parameters = resolveParameters(options.target);
  const { retry, signal } = options;
  if (retry === undefined) return await connectOnce(parameters, options);
  const policy = {
    ...retry,
    unit: 'connect',
    ...(signal === undefined ? {} : { signal }),
  } as const;
  return await withRetry(policy, () => connectOnce(parameters, options));
}

async function connectOnce(
  parameters: ConnectionParameters,
  options: ConnectOptions,
): Promise<Connection> {
  const { signal } = options;
  let lastError: unknown;
  for (const tls of tlsAttempts(parameters)) {
    throwIfAborted(signal);
    const client = new LoginClient(clientConfig(parameters, options, tls), options.protocol);
    const onAbort = (): void => {
      socketOf(client).destroy();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      // A second error may follow the one that rejects; it has nobody to go to.
      client.on('error', () => undefined);
      await client.connect();
      throwIfAborted(signal); // the abort has destroyed the socket, perhaps a moment too late
      return new Connection(client, {
        host: parameters.host,
        port: parameters.port,
        tls,
        release: endClient,
      });
    } catch (error) {
      socketOf(client).destroy();
      throwIfAborted(signal);
      lastError = error;
      if (!isMissingTls(error)) break;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
  throw fromConnectError(lastError, describeTarget(parameters));
}

export function resolveParameters(target: string | ConnectionParameters): ConnectionParameters {
  return typeof target === 'string' ? parseConninfo(target) : target;
}

/** What node-postgres is told; the password leaves its wrapper here and nowhere else. */
export function clientConfig(
  parameters: ConnectionParameters,
  options: Pick<ConnectOptions, 'applicationName' | 'connectTimeoutMs'>,
  tls: ConnectionOptions | undefined,
): pg.ClientConfig {
  return {
    host: parameters.host,
    port: parameters.port,
    user: parameters.user,
    database: parameters.dbname,
    // A function, so that node-postgres neither prints the password nor looks for another one.
    password: () => parameters.password?.reveal() as string,
    ssl: tls ?? false,
    application_name: options.applicationName ?? parameters.applicationName ?? 'copyline',
    connectionTimeoutMillis:
      options.connectTimeoutMs ?? parameters.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    // Finds a peer that has vanished while a long COPY waits for it.
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    // What is left out node-postgres reads from the environment, and the conninfo has decided that.
    sslnegotiation: 'postgres',
    ...startupOptions(parameters.options),
  };
}

/** Empty text is "left out", too; only a blank keeps node-postgres from `PGOPTIONS`. */
function startupOptions(options: string | undefined): Pick<pg.ClientConfig, 'options'> {
  if (options !== undefined && options !== '') return { options };
  return (process.env['PGOPTIONS'] ?? '') === '' ? {} : { options: ' ' };
}

/** The transports to try in turn. Source: PostgreSQL documentation, "SSL Mode Descriptions". */
export function tlsAttempts(parameters: ConnectionParameters): (ConnectionOptions | undefined)[] {
  const { sslmode, sslrootcert, host } = parameters;
  const ca = sslrootcert === undefined ? {} : { ca: sslrootcert };
  const servername = isIP(host) === 0 ? { servername: host } : {};
  if (sslmode === 'disable' || host.startsWith('/')) return [undefined];
  if (sslmode === 'verify-full') return [{ ...ca, ...servername }];
  if (sslmode === 'verify-ca' || (sslmode === 'require' && sslrootcert !== undefined)) {
    return [{ ...ca, ...servername, checkServerIdentity: () => undefined }];
  }
  const encrypted = { ...servername, rejectUnauthorized: false };
  return sslmode === 'require' ? [encrypted] : [encrypted, undefined];
}

/** Whether a server without TLS refused an encrypted attempt. */
export function isMissingTls(error: unknown): boolean {
  return error instanceof Error && error.message.includes('does not support SSL');
}
