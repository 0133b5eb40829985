import { CopylineError, EMBEDDED_CONNECTION } from '@copyline/contracts';
import {
  connect,
  conninfoHasPassword,
  describeTarget,
  looksLikeConninfo,
  parseConninfo,
  Secret,
  type Connection,
  type ConnectionParameters,
} from '@copyline/dws-client';
import type { EmbeddedDatabase } from '@copyline/embedded';
import { relative } from 'node:path';

import type { Settings } from './settings.ts';

/** Told in whole sentences what takes a while. */
export type OnStatus = (sentence: string) => void;

/** The database that somebody works on. */
export interface Target extends AsyncDisposable {
  /** For people: never a password. */
  readonly description: string;
  readonly isEmbedded: boolean;
  /** What a person should know about how the target was given. */
  readonly warnings: readonly string[];
  connect(signal?: AbortSignal): Promise<Connection>;
  /**
   * Where to connect, for pools. An embedded database is started if need be, and is there until the
   * target is disposed of.
   */
  parameters(signal?: AbortSignal): Promise<ConnectionParameters>;
}

/**
 * Finds out which database is meant: a conninfo, the name of a configured connection, or without
 * either the embedded database, which is started when the first connection is opened.
 *
 * @throws CopylineError `CONNINFO_INVALID`
 */
export function resolveTarget(
  given: string | undefined,
  settings: Settings,
  onStatus: OnStatus,
): Target {
  if (given === undefined) return new EmbeddedTarget(settings.home, onStatus);
  const named = findNamed(given, settings, onStatus);
  if (named !== undefined) return named;
  if (!looksLikeConninfo(given)) {
    const names = Object.keys(settings.connections);
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

/**
 * The database that a submitted load or extract names: a configured connection, or `embedded`. Never a
 * conninfo, which would let whoever submits choose where this machine connects to.
 *
 * @throws CopylineError `CONNECTION_UNKNOWN`, naming those that there are; `CONNINFO_INVALID` for a
 *   faulty configuration
 */
export function connectionNamed(
  name: string,
  settings: Settings,
  onStatus: OnStatus = () => undefined,
): Target {
  const named = findNamed(name, settings, onStatus);
  if (named !== undefined) return named;
  throw new CopylineError('CONNECTION_UNKNOWN', 'The connection is not configured', {
    expected: `one of ${connectionNames(settings).join(', ')}`,
  });
}

/** What may be named as the connection of a load or an extract. */
export function connectionNames(settings: Settings): string[] {
  return [...new Set([EMBEDDED_CONNECTION, ...Object.keys(settings.connections)])];
}

/**
 * The control database.
 *
 * @throws CopylineError `CONFIG_INVALID`, `CONNINFO_INVALID`
 */
export function controlTarget(settings: Settings, onStatus: OnStatus = () => undefined): Target {
  const control = settings.control.reveal();
  const named = findNamed(control, settings, onStatus);
  if (named !== undefined) return named;
  if (!looksLikeConninfo(control)) {
    throw new CopylineError(
      'CONFIG_INVALID',
      'The control database is neither the name of a connection nor a conninfo',
      { expected: `a conninfo or one of ${connectionNames(settings).join(', ')}` },
    );
  }
  const warnings = settings.hasPlainControlPassword
    ? ['The password of the control database stands in the configuration file; use ${env:NAME}']
    : [];
  return serverTarget(parseConninfo(control), warnings);
}

function findNamed(name: string, settings: Settings, onStatus: OnStatus): Target | undefined {
  const configured = Object.hasOwn(settings.connections, name)
    ? settings.connections[name]
    : undefined;
  if (configured !== undefined) {
    const warnings = settings.plainPasswords.includes(name)
      ? [`The password of “${name}” stands in the configuration file; use \${env:NAME}`]
      : [];
    return serverTarget(parseConninfo(configured.reveal()), warnings);
  }
  return name === EMBEDDED_CONNECTION ? new EmbeddedTarget(settings.home, onStatus) : undefined;
}

function serverTarget(parameters: ConnectionParameters, warnings: readonly string[]): Target {
  return {
    description: describeTarget(parameters),
    isEmbedded: false,
    warnings,
    connect: (signal) => connectTo(parameters, signal),
    parameters: () => Promise.resolve(parameters),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

class EmbeddedTarget implements Target {
  readonly isEmbedded = true;
  readonly warnings = [];
  readonly description: string;
  readonly #home: string;
  readonly #onStatus: OnStatus;
  #database: Promise<EmbeddedDatabase> | undefined;

  constructor(home: string, onStatus: OnStatus) {
    const near = relative(process.cwd(), home);
    this.#home = home;
    this.#onStatus = onStatus;
    this.description = `embedded database in ${near === '' || near.startsWith('..') ? home : near}`;
  }

  async connect(signal?: AbortSignal): Promise<Connection> {
    return connectTo(await this.parameters(signal), signal);
  }

  async parameters(signal?: AbortSignal): Promise<ConnectionParameters> {
    const { host, port, user, password, database } = await this.#opened(signal);
    return {
      host,
      port: String(port),
      dbname: database,
      user,
      password: new Secret(password),
      // It listens on loopback only and has no certificate.
      sslmode: 'disable',
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A start that failed has been reported by the connection that asked for it.
    const database = await this.#database?.catch(() => undefined);
    await database?.close();
  }

  /** Open once for all callers. Who was not interrupted does not fail because another one was. */
  async #opened(signal: AbortSignal | undefined): Promise<EmbeddedDatabase> {
    for (;;) {
      const opening = (this.#database ??= this.#open(signal));
      try {
        return await opening;
      } catch (error) {
        // The next caller starts anew: what was in the way may be gone.
        if (this.#database === opening) this.#database = undefined;
        const isInterrupted = error instanceof CopylineError && error.code === 'INTERRUPTED';
        if (!isInterrupted || signal?.aborted === true) throw error;
      }
    }
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
}

function connectTo(parameters: ConnectionParameters, signal?: AbortSignal): Promise<Connection> {
  return connect({ target: parameters, ...(signal === undefined ? {} : { signal }) });
}
