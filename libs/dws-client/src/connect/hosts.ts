import { existsSync } from 'node:fs';

import { type ConnectionParameters, valueOf } from '../conninfo/keywords.ts';

/** One entry of the lists of hosts, addresses and ports. */
export interface Host {
  /** As the conninfo names it: a name, an address or a directory; also for the password file. */
  readonly name: string;
  /** What a certificate must be for; `undefined` when only an address is given. */
  readonly verifiedName: string | undefined;
  /** What to connect to, when it is not for DNS to say. */
  readonly hostaddr: string | undefined;
  readonly port: number;
}

/**
 * The hosts in the order of the conninfo. Its lists have been found to fit together.
 * Source: PostgreSQL documentation, "Specifying Multiple Hosts".
 */
export function hostsOf(parameters: ConnectionParameters): Host[] {
  // An empty item is none: what it stands for has a default.
  const list = (keyword: 'host' | 'hostaddr' | 'port'): (string | undefined)[] | undefined =>
    valueOf(parameters, keyword)
      ?.split(',')
      .map((item) => (item === '' ? undefined : item));
  const [names, addresses] = [list('host'), list('hostaddr')];
  const ports = list('port') ?? [undefined];
  return (addresses ?? names ?? [undefined]).map((_, i) => {
    const hostaddr = addresses?.[i];
    const verifiedName = names?.[i];
    return {
      name: verifiedName ?? hostaddr ?? defaultHost(),
      verifiedName,
      hostaddr,
      port: Number(ports[ports.length === 1 ? 0 : i] ?? '5432'),
    };
  });
}

/** Where a connection goes, for messages: `user@host:port/dbname`, never the password. */
export function describeTarget(parameters: ConnectionParameters): string {
  const user = valueOf(parameters, 'user') ?? '';
  const places = hostsOf(parameters).map(({ name, port }) => `${name}:${String(port)}`);
  return `${user}@${places.join(',')}/${valueOf(parameters, 'dbname') ?? user}`;
}

/** Whether it is the directory of a Unix socket. */
export function isSocketDirectory(address: string): boolean {
  return address.startsWith('/');
}

/** The socket directory of Debian's libpq where there is one, else of libpq as PostgreSQL ships it. */
function defaultHost(): string {
  if (process.platform === 'win32') return 'localhost';
  return existsSync('/var/run/postgresql') ? '/var/run/postgresql' : '/tmp';
}
