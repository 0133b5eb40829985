import { waitFor } from '@copyline/testkit';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** ReadyForQuery in a failed transaction: the letter, its length, the status. */
const READY_IN_ERROR = Buffer.from('Z\0\0\0\x05E');

export interface EndHolder extends AsyncDisposable {
  readonly port: number;
  /** Resolves once a ReadyForQuery is held back. */
  holding(): Promise<unknown>;
  release(): void;
}

/**
 * A line on which the ReadyForQuery of a failed transaction arrives late, behind everything before
 * it: as it does from a server that is busy undoing a transaction after its ErrorResponse.
 */
export async function startEndHolder(server: {
  readonly host: string;
  readonly port: number;
}): Promise<EndHolder> {
  const sockets = new Set<Socket>();
  let held: { readonly rest: Buffer; readonly to: Socket } | undefined;
  const listener = createServer((client) => {
    const upstream = connect(server.port, server.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(READY_IN_ERROR);
      client.write(at < 0 ? chunk : chunk.subarray(0, at));
      if (at >= 0) held = { rest: chunk.subarray(at), to: client };
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as { port: number }).port,
    holding: () => waitFor('a ReadyForQuery to be held', () => held),
    release: () => void held?.to.write(held.rest),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
