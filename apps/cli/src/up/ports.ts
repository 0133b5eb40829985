import { addressOf } from '@copyline/config';
import { CopylineError } from '@copyline/contracts';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Where something is to listen. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * The endpoint for the API: as configured, or with any free port where that is 0.
 *
 * @throws CopylineError `PORT_IN_USE`, saying by whom; `CONFIG_INVALID` when it cannot be listened on
 */
export async function apiEndpoint(wanted: Endpoint): Promise<Endpoint> {
  const port = await tryListen(wanted);
  if (typeof port === 'number') return { host: wanted.host, port };
  const address = addressOf(wanted);
  if (port === 'EADDRINUSE') {
    const isOurs = await isScheduler(address);
    throw new CopylineError(
      'PORT_IN_USE',
      isOurs
        ? `A scheduler of Copyline is running at ${address} already`
        : `Another program is using port ${String(wanted.port)} of ${wanted.host}`,
      {
        advice: isOurs
          ? 'Use that one, or stop it, or choose another port with --port.'
          : 'Stop that program, or choose another port with --port.',
      },
    );
  }
  throw new CopylineError('CONFIG_INVALID', `Nothing can listen at ${address} (${port})`, {
    advice: 'Choose another port with --port, or another `scheduler.host` in copyline.yaml.',
  });
}

/** An endpoint that nobody needs to know by heart: any free port when the configured one is taken. */
export async function healthEndpoint(wanted: Endpoint): Promise<Endpoint> {
  const port = await tryListen(wanted);
  if (typeof port === 'number') return { host: wanted.host, port };
  return apiEndpoint({ host: wanted.host, port: 0 });
}

/** @returns the port that was free a moment ago, or the code of the error */
async function tryListen({ host, port }: Endpoint): Promise<number | string> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    const { port: found } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return found;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}

/** A scheduler refuses who has no token, in words of its own. */
async function isScheduler(address: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2000);
    const response = await fetch(`${address}/api/v1/jobs`, { signal, redirect: 'error' });
    const problem = (await response.json()) as { code?: unknown } | null;
    return response.status === 401 && problem?.code === 'UNAUTHENTICATED';
  } catch {
    return false;
  }
}
