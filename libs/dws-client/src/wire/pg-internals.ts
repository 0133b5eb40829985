import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';

/**
 * The members of node-postgres that are not in its public interface and are used here all the same.
 * They are read in this file only; `test/pg-internals.test.ts` fails when a release changes them.
 */
interface PgInternals {
  readonly connection: PgWire;
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly readyForQuery?: boolean;
  readonly _queryable: boolean;
  readonly _ending: boolean;
}

/** node-postgres' `Connection`, as it is handed to what is submitted. */
export interface PgWire extends EventEmitter {
  readonly stream: Socket;
  query(text: string): void;
  sendCopyFail(message: string): void;
}

/**
 * What `client.query` accepts beside text: it writes its own messages and is told the answers.
 * After an error nothing more is told, `handleReadyForQuery` neither.
 */
export interface Submittable {
  /** An error that is returned goes to `handleError`, and nothing counts as sent. */
  submit(wire: PgWire): Error | undefined;
  handleError(error: Error): void;
  handleCommandComplete(message: { readonly text?: string }): void;
  handleReadyForQuery(): void;
  handleCopyInResponse(wire: PgWire): void;
  handleRowDescription(): void;
  handleDataRow(): void;
  handleEmptyQuery(): void;
}

function internals(client: pg.Client): PgInternals {
  return client as unknown as PgInternals;
}

/** How node-postgres makes its `Connection`. */
export interface PgConnectionConfig {
  readonly ssl: boolean | ConnectionOptions | undefined;
  readonly sslNegotiation: string | undefined;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMillis: number;
}

/** What of node-postgres' `Connection` the login goes around; `login-connection.ts` extends it. */
interface LoginWire extends EventEmitter {
  stream: Socket;
  connect(port: number | string, host?: string): void;
  /** Called once, with the socket over which the server speaks: the encrypted one, if there is one. */
  attachListeners(stream: EventEmitter): void;
  startup(parameters: Readonly<Record<string, string>>): void;
  password(text: string): void;
}

export const PgConnection = pg.Connection as unknown as new (
  config: PgConnectionConfig,
) => LoginWire;

/** What of node-postgres' `Client` the login needs. */
interface LoginInternals {
  connection: LoginWire;
  readonly connectionParameters: {
    readonly ssl: boolean | ConnectionOptions | undefined;
    readonly sslnegotiation: string | undefined;
  };
  readonly user: string;
  readonly password: unknown;
  /** Finds the password, leaves it in `password` and calls back; else the connection emits an error. */
  _getPassword(done: () => void): void;
}

export function loginInternals(client: pg.Client): LoginInternals {
  return client as unknown as LoginInternals;
}

/** Hands something to the client that speaks the protocol itself. */
export function submit(client: pg.Client, submittable: Submittable): void {
  client.query(submittable as unknown as pg.Submittable);
}

/** The protocol below a client, for those who listen to it. */
export function wireOf(client: pg.Client): PgWire {
  return internals(client).connection;
}

/** The socket of a client: needed to close it without waiting for the server. */
export function socketOf(client: pg.Client): Socket {
  return internals(client).connection.stream;
}

/** The pair that a CancelRequest carries; `undefined` before the server sent BackendKeyData. */
export function cancelKeyOf(
  client: pg.Client,
): { readonly processId: number; readonly secretKey: number } | undefined {
  const { processID, secretKey } = internals(client);
  return processID === null || secretKey === null ? undefined : { processId: processID, secretKey };
}

/** Whether the line still stands, and nobody has asked for its end. */
export function isOpen(client: pg.Client): boolean {
  const { _queryable, _ending } = internals(client);
  return _queryable && !_ending;
}

/** Whether something has been sent that is not answered to its end. */
export function isBusy(client: pg.Client): boolean {
  return internals(client).readyForQuery !== true;
}

/**
 * Resolves when the server is ready for the next statement, or has gone. node-postgres reports an
 * error before that, while `getTransactionStatus()` still tells the state before the statement.
 */
export async function whenReady(client: pg.Client): Promise<void> {
  const { connection, readyForQuery } = internals(client);
  if (readyForQuery === true || connection.stream.closed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      connection.off('readyForQuery', done).off('end', done);
      resolve();
    };
    connection.on('readyForQuery', done).on('end', done);
  });
}

/** Puts a reader of bytes in the place of node-postgres' own; see `tapBytes`. */
export interface ByteTap {
  /** Hands bytes to node-postgres' own reader. */
  readonly pass: (bytes: Buffer) => void;
  /** Puts node-postgres' own reader back. */
  readonly end: () => void;
}

/**
 * Reads a connection's bytes in front of node-postgres. Its reader must be the only one: bytes that
 * two read are bytes that one of them misunderstands.
 */
export function tapBytes(wire: PgWire, onBytes: (bytes: Buffer) => void): ByteTap | undefined {
  const { stream } = wire;
  const readers = stream.listeners('data') as ((bytes: Buffer) => void)[];
  const [own] = readers;
  if (own === undefined || readers.length !== 1) return undefined;
  // In this order the stream never is without a reader, and so never stops flowing.
  stream.on('data', onBytes);
  stream.off('data', own);
  return {
    pass: (bytes) => {
      own.call(stream, bytes);
    },
    end: () => {
      stream.on('data', own);
      stream.off('data', onBytes);
    },
  };
}
