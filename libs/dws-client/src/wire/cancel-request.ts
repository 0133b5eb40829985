import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** Source: PostgreSQL documentation, "Message Formats": CancelRequest and SSLRequest. */
const CANCEL_REQUEST_CODE = 80877102;
const SSL_REQUEST_CODE = 80877103;

export interface CancelTarget {
  readonly host: string;
  readonly port: number;
  readonly processId: number;
  readonly secretKey: number;
  /** Given when the connection to be cancelled is encrypted; the request then is, too. */
  readonly tls?: ConnectionOptions;
}

/**
 * - `acted`: the server has closed the connection of the request, which is when it has acted on it.
 * - `never-sent`: no byte of the request has left; nothing can be hit by it.
 * - `maybe-sent`: the request may still be on its way, and hit a later statement.
 */
export type CancelOutcome = 'acted' | 'never-sent' | 'maybe-sent';

/**
 * Asks the server to cancel what a session is doing, over a connection of its own to the same
 * address. The server answers nothing and closes. Never rejects.
 */
export async function sendCancelRequest(
  target: CancelTarget,
  timeoutMs: number,
): Promise<CancelOutcome> {
  const signal = AbortSignal.timeout(timeoutMs);
  let socket: Socket = target.host.startsWith('/')
    ? connectSocket(`${target.host}/.s.PGSQL.${String(target.port)}`)
    : connectSocket(target.port, target.host);
  socket.on('error', () => undefined);
  let isSent = false;
  try {
    await once(socket, 'connect', { signal });
    if (target.tls !== undefined) {
      socket = await encrypt(socket, { host: target.host, ...target.tls }, signal);
      socket.on('error', () => undefined);
    }
    // A reset closes the socket as well, but proves nothing: only the server's own end does.
    const ended = once(socket, 'end', { signal });
    socket.resume();
    isSent = true;
    socket.write(cancelMessage(target));
    await ended;
    return 'acted';
  } catch {
    return isSent ? 'maybe-sent' : 'never-sent';
  } finally {
    socket.destroy();
  }
}

async function encrypt(
  socket: Socket,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  socket.write(message([SSL_REQUEST_CODE]));
  await once(socket, 'data', { signal });
  const encrypted = connectTls({ ...options, socket });
  await once(encrypted, 'secureConnect', { signal });
  return encrypted;
}

function cancelMessage({ processId, secretKey }: CancelTarget): Buffer {
  return message([CANCEL_REQUEST_CODE, processId, secretKey]);
}

function message(words: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 + 4 * words.length);
  buffer.writeInt32BE(buffer.length, 0);
  words.forEach((word, i) => buffer.writeInt32BE(word | 0, 4 + 4 * i));
  return buffer;
}
