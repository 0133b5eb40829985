import type pg from 'pg';

import { type ConnectionParameters, valueOf } from '../conninfo/keywords.ts';
import { throwIfAborted } from '../interruption.ts';
import { quoteIdentifier } from '../identifiers.ts';
import type { Secret } from '../secret.ts';
import { LoginClient, type Protocol } from '../wire/login-client.ts';
import { socketOf, wireOf } from '../wire/pg-internals.ts';
import type { Transport } from './tls.ts';

/** How long a line may be silent before the system asks whether anybody is there, in seconds. */
const KEEPALIVE_IDLE_S = 30;

/** How far an attempt at one address has come, in libpq's words. */
export type ConnectPhase =
  | 'started' // waiting for the network
  | 'made' // connected; something is about to be sent
  | 'ssl-startup' // the TLS handshake
  | 'awaiting-response' // waiting for the server, or logging in
  | 'auth-ok' // logged in; the server starts the session
  | 'check-target' // asking whether the session is of the wanted kind
  | 'ok';

/** One session to be opened: everything has been decided. */
export interface SessionRequest {
  readonly parameters: ConnectionParameters;
  /** An IP address, or the directory of a socket. */
  readonly address: string;
  readonly port: number;
  readonly tls: Transport;
  readonly password: Secret | undefined;
  readonly applicationName: string | undefined;
  readonly searchPath: readonly string[] | undefined;
  /** What to begin with; `undefined` for what the server at the address spoke last. */
  readonly protocol: Protocol | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onPhase: (phase: ConnectPhase) => void;
}

/** A session that is idle, and how it was reached. */
export interface OpenSession {
  readonly client: pg.Client;
  /** An IP address, or the directory of a socket. */
  readonly address: string;
  readonly port: number;
  readonly tls: Transport;
  /** What the server has reported of itself: `server_version`, `in_hot_standby`, … */
  readonly reported: ReadonlyMap<string, string>;
}

/**
 * Opens one session at one address over one transport. Nothing is tried twice here, and nothing else.
 *
 * @throws what node-postgres throws, or the reason of the signal
 */
export async function openSession(request: SessionRequest): Promise<OpenSession> {
  const { address, port, tls, signal, onPhase } = request;
  throwIfAborted(signal);
  const client = new LoginClient(clientConfig(request), request.protocol);
  // A second error may follow the one that rejects; it has nobody to go to.
  client.on('error', () => undefined);
  const reported = followLogin(client, onPhase);
  const onAbort = (): void => {
    socketOf(client).destroy();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    onPhase('started');
    await client.connect();
    throwIfAborted(signal); // the abort has destroyed the socket, perhaps a moment too late
    return { client, address, port, tls, reported };
  } catch (error) {
    socketOf(client).destroy();
    throwIfAborted(signal);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Tells the phases, and keeps what the server reports, for as long as the session lives. */
function followLogin(
  client: pg.Client,
  onPhase: (phase: ConnectPhase) => void,
): ReadonlyMap<string, string> {
  const reported = new Map<string, string>();
  const wire = wireOf(client);
  wire.on('connect', () => {
    onPhase('made');
    if (!client.ssl) onPhase('awaiting-response');
  });
  wire.on('sslconnect', () => {
    onPhase('ssl-startup');
    wire.stream.once('secureConnect', () => {
      onPhase('awaiting-response');
    });
  });
  wire.on('authenticationOk', () => {
    onPhase('auth-ok');
  });
  wire.on('parameterStatus', (each: { parameterName: string; parameterValue: string }) => {
    reported.set(each.parameterName, each.parameterValue);
  });
  return reported;
}

/** What node-postgres is told; the password leaves its wrapper here and nowhere else. */
export function clientConfig(
  request: Omit<SessionRequest, 'protocol' | 'signal' | 'onPhase'>,
): pg.ClientConfig {
  const { parameters, password } = request;
  const user = valueOf(parameters, 'user') ?? '';
  return {
    host: request.address,
    port: request.port,
    user,
    database: valueOf(parameters, 'dbname') ?? user,
    // A function, so that node-postgres neither prints the password nor looks for another one.
    password: () => password?.reveal() as string,
    ssl: request.tls ?? false,
    application_name:
      request.applicationName ??
      valueOf(parameters, 'application_name') ??
      valueOf(parameters, 'fallback_application_name') ??
      'copyline',
    connectionTimeoutMillis: request.timeoutMs,
    // Finds a peer that has vanished while a long COPY waits for it. Node sets no more than this.
    keepAlive: valueOf(parameters, 'keepalives') !== '0',
    keepAliveInitialDelayMillis:
      (Number(valueOf(parameters, 'keepalives_idle') ?? '0') || KEEPALIVE_IDLE_S) * 1000,
    // What is left out node-postgres reads from the environment, and the conninfo has decided that.
    sslnegotiation: 'postgres',
    ...startupOptions(valueOf(parameters, 'options'), request.searchPath),
  };
}

/** Empty text is "left out", too; only a blank keeps node-postgres from `PGOPTIONS`. */
function startupOptions(
  given: string | undefined,
  searchPath: readonly string[] | undefined,
): Pick<pg.ClientConfig, 'options'> {
  const options = [given, searchPath === undefined ? undefined : searchPathOption(searchPath)]
    .filter((each) => each !== undefined)
    .join(' ');
  if (options !== '') return { options };
  return (process.env['PGOPTIONS'] ?? '') === '' ? {} : { options: ' ' };
}

/** As an argument of the server's command line, where blanks and backslashes are escaped. */
function searchPathOption(schemas: readonly string[]): string {
  const list = schemas.map((schema) => quoteIdentifier(schema)).join(',');
  return `-c search_path=${list.replace(/[\\\s]/g, '\\$&')}`;
}
