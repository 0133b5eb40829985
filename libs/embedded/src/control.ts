/**
 * What a user of the database and its supervisor say to each other: JSON lines over a stream.
 *
 * The stream is at the same time the user's presence: as long as it is open he counts, and the
 * kernel closes it when he dies. To leave he ends his side; the supervisor ends its own when he is
 * let go, which for the last one is when the server has stopped.
 */
import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { CopylineError } from '@copyline/contracts';
import type { ErrorCode } from '@copyline/contracts';
import type { ProcessIdentity } from './process-identity.ts';

/** Where the server is and how to log in. */
export interface ServerFacts {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The state file. */
export interface ServerState extends ServerFacts {
  /** Loopback port of the supervisor. */
  readonly controlPort: number;
  /** First line of a user who comes over that port, so that no other account can. */
  readonly token: string;
  /** Who listens there. Once he is gone the port may be anybody's. */
  readonly supervisor: ProcessIdentity;
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
  readonly cause: string | undefined;
}

/** From the supervisor; a user only ever sends the token. */
export type Message =
  | { readonly kind: 'status'; readonly sentence: string }
  | { readonly kind: 'ready'; readonly facts: ServerFacts }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** Another supervisor holds the database, or this one is about to stop: ask again. */
  | { readonly kind: 'retry' }
  /** The last word: the stream ends with the supervisor's process. */
  | { readonly kind: 'stopped' };

/** Resolves when the message is on its way, or cannot be sent because the user is gone. */
export function sendMessage(socket: Socket, message: Message): Promise<void> {
  return new Promise((resolve) => {
    if (!socket.writable) resolve();
    else socket.write(`${JSON.stringify(message)}\n`, () => resolve());
  });
}

/** Far more than any line has; a stream that goes on without a line end is not one of ours. */
const MAX_LINE_LENGTH = 100_000;

export function onLine(socket: Socket, handle: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  socket.on('data', (chunk: Buffer) => {
    const lines = (pending + decoder.write(chunk)).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_LINE_LENGTH) socket.destroy();
    for (const line of lines) handle(line);
  });
}

export function describeFailure(error: unknown): Failure {
  const { code, message, advice, cause } =
    error instanceof CopylineError
      ? error
      : new CopylineError(
          'EMBEDDED_START_FAILED',
          `The embedded database failed: ${String(error)}`,
        );
  const said = cause instanceof Error ? cause.message : undefined;
  return { code, message, advice, cause: said };
}

export function restoreFailure({ code, message, advice, cause }: Failure): CopylineError {
  return new CopylineError(code, message, {
    advice,
    ...(cause !== undefined && { cause: new Error(cause) }),
  });
}
