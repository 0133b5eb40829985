import { CopylineError } from '@copyline/contracts';
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { settlesWithin } from '../in-time.ts';
import { untilAborted } from '../interruption.ts';
import { type Host, isSocketDirectory } from './hosts.ts';

/** Finds the addresses of a name, in the order in which they are to be tried. */
export type Lookup = (name: string) => Promise<readonly { readonly address: string }[]>;

/** As the operating system orders them, IPv6 and IPv4 alike. */
const systemLookup: Lookup = (name) => dnsLookup(name, { all: true, order: 'verbatim' });

/**
 * Every address of a host. The lookup itself cannot be ended; nobody waits for it longer than the
 * timeout.
 *
 * @throws what the lookup throws (`ENOTFOUND`, `EAI_AGAIN`), or the reason of the signal
 */
export async function addressesOf(
  host: Host,
  timeoutMs: number,
  {
    lookup = systemLookup,
    signal,
  }: { readonly lookup?: Lookup | undefined; readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const known = host.hostaddr ?? host.name;
  if (isIP(known) !== 0 || isSocketDirectory(known)) return [known];
  const found = lookup(known);
  const inTime = settlesWithin(found, timeoutMs);
  await untilAborted(inTime, signal);
  if (!(await inTime)) {
    throw new CopylineError('CONNECT_FAILED', `the name was not resolved within ${timeoutMs} ms`);
  }
  const addresses = new Set((await found).map(({ address }) => address));
  if (addresses.size === 0) throw new CopylineError('CONNECT_FAILED', 'the name has no address');
  return [...addresses];
}

/** The same in an order of its own each time: `load_balance_hosts=random`. */
export function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [all[last], all[other]] = [all[other] as T, all[last] as T];
  }
  return all;
}
