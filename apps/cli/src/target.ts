import { CopylineError } from '@copyline/contracts';
import {
  connect,
  conninfoHasPassword,
  describeTarget,
  looksLikeConninfo,
  parseConninfo,
  type Connection,
  type ConnectionParameters,
} from '@copyline/dws-client';
import type { EmbeddedDatabase } from '@copyline/embedded';
import { relative } from 'node:path';

import type { CliConfig } from './config.ts';

/** The database that a command works on. */
export interface Target extends AsyncDisposable {
  /** For people: never a password. */
  readonly description: string;
  readonly isEmbedded: boolean;
  /** What a person should know about how the target was given. */
  readonly warnings: readonly string[];
  connect(signal?: AbortSignal): Promise<Connection>;
}

/**
 * Finds out which database is meant: a conninfo, the name of a configured connection, or without
 * either the embedded database, which is started when the first connection is opened.
 *
 * @throws CopylineError `CONNINFO_INVALID`
 */
export function resolveTarget(
  given: string | undefined,
  config: CliConfig,
  onStatus: (sentence: string) => void,
): Target {
  if (given === undefined) return new EmbeddedTarget(config.home, onStatus);
  const configured = Object.hasOwn(config.connections, given)
    ? config.connections[given]
    : undefined;
  if (configured !== undefined) {
    const warnings = config.plainPasswords.includes(given)
      ? [`The password of “${given}” stands in the configuration file; use \${env:NAME}`]
      : [];
    return serverTarget(parseConninfo(configured), warnings);
  }
  if (!looksLikeConninfo(given)) {
    const names = Object.keys(config.connections);
    throw new CopylineError('CONNINFO_INVALID', `There is no connection named “${given}”`, {
      expected:
        names.length === 0
          ? 'a conninfo; no connections are configured'
          : `a conninfo or one of ${names.join(', ')}`,
    });
  }
  const warnings = conninfoHasPassword(given)
    ? ['A password on the command line can be seen by others; use PGPASSWORD or ~/.pgpass']
    : [];
  return serverTarget(parseConninfo(given), warnings);
}

function serverTarget(parameters: ConnectionParameters, warnings: readonly string[]): Target {
  return {
    description: describeTarget(parameters),
    isEmbedded: false,
    warnings,
    connect: (signal) => connectTo(parameters, signal),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

class EmbeddedTarget implements Target {
  readonly isEmbedded = true;
  readonly warnings = [];
  readonly description: string;
  readonly #home: string;
  readonly #onStatus: (sentence: string) => void;
  #database: Promise<EmbeddedDatabase> | undefined;

  constructor(home: string, onStatus: (sentence: string) => void) {
    const near = relative(process.cwd(), home);
    this.#home = home;
    this.#onStatus = onStatus;
    this.description = `embedded database in ${near === '' || near.startsWith('..') ? home : near}`;
  }

  async connect(signal?: AbortSignal): Promise<Connection> {
    this.#database ??= this.#open(signal);
    const { host, port, user, password, database } = await this.#database;
    const conninfo = new URL(`postgresql://${host}:${String(port)}/${database}`);
    conninfo.username = user;
    conninfo.password = password;
    conninfo.searchParams.set('sslmode', 'disable');
    return connectTo(parseConninfo(conninfo.href, { env: {} }), signal);
  }

  async #open(signal: AbortSignal | undefined): Promise<EmbeddedDatabase> {
    // Only who has no server of their own pays for loading it.
    const { openEmbedded } = await import('@copyline/embedded');
    return openEmbedded({
      home: this.#home,
      onStatus: this.#onStatus,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A start that failed has been reported by the connection that asked for it.
    const database = await this.#database?.catch(() => undefined);
    await database?.close();
  }
}

function connectTo(parameters: ConnectionParameters, signal?: AbortSignal): Promise<Connection> {
  return connect({ target: parameters, ...(signal === undefined ? {} : { signal }) });
}
