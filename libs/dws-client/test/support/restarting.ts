import type { RestartablePostgres } from '@copyline/testkit';

import type { Connection, RetryEvent } from '../../src/index.ts';

/** Patient enough for a server that starts, on a busy machine. */
export const FAST = { attempts: 400, baseDelayMs: 5, maxDelayMs: 50 };

export type Failure = Readonly<{ code?: string; sqlstate?: string; commitState?: string }>;

/** Through a proxy or not, without the attempt at TLS that these servers refuse. */
export function targetOf(
  server: RestartablePostgres,
  through: { readonly port: number } = server,
): string {
  const url = new URL(server.url());
  url.port = String(through.port);
  url.searchParams.set('sslmode', 'disable');
  return url.href;
}

/** Whoever watches a retry sees every failure. */
export function observed(): { failures: Failure[]; observe: (event: RetryEvent) => void } {
  const failures: Failure[] = [];
  return { failures, observe: ({ error }) => void failures.push(error as Failure) };
}

export async function rids(on: Pick<Connection, 'query'>): Promise<unknown[]> {
  const { rows } = await on.query<{ rid: number }>('select rid from orders order by rid');
  return rows.map(({ rid }) => rid);
}
