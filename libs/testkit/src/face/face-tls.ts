import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** In PEM. */
export interface FaceCertificate {
  readonly key: string;
  readonly cert: string;
}

/** Its length and its code: all of a request for TLS, and what no other first packet begins with. */
const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

/** The client as the face sees it: behind TLS, when its first packet asks for that. */
export async function encryptedWhenAsked(
  socket: Socket,
  certificate: FaceCertificate,
): Promise<Socket> {
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'readable'), once(socket, 'close')]).catch(() => undefined);
  const first = socket.read() as Buffer | null;
  if (first === null) return socket;
  if (!first.equals(SSL_REQUEST)) {
    socket.unshift(first);
    return socket;
  }
  socket.write('S');
  return new TLSSocket(socket, { isServer: true, ...certificate });
}
