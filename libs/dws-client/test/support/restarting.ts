import {
  type FaultProxy,
  type RestartablePostgres,
  type Standby,
  startFaultProxy,
  startPostgres,
} from '@copyline/testkit';

import type { Connection, RetryEvent } from '../../src/index.ts';
import { connected } from './connected.ts';

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

/** A primary with a table `orders`, its standby, and an address that leads to the primary at first. */
export interface Replicated {
  readonly primary: RestartablePostgres;
  readonly standby: Standby;
  /** On the primary. */
  readonly admin: Connection;
  readonly proxy: FaultProxy;
  /** Through the proxy. */
  readonly target: string;
  /** Makes the standby a primary, to which the address leads from now on. */
  readonly failOver: () => void;
}

export async function replicated(major: 15 | 18): Promise<Replicated> {
  const primary = await startPostgres({ major });
  const admin = await connected(targetOf(primary));
  await admin.query('create table orders (rid int)');
  const standby = await primary.startStandby();
  const proxy = await startFaultProxy(primary);
  const failOver = (): void => {
    standby.promote();
    proxy.repoint(standby);
  };
  return { primary, standby, admin, proxy, failOver, target: targetOf(primary, proxy) };
}
