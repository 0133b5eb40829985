import { CopylineError } from '@copyline/contracts';
import pg from 'pg';

import { type ConnectionParameters, valueOf } from '../conninfo/keywords.ts';
import { findInPasswordFile } from '../conninfo/password-file.ts';
import type { TargetSessionAttrs } from '../conninfo/supported-values.ts';
import { endClient } from '../connection.ts';
import { settlesWithin } from '../in-time.ts';
import { throwIfAborted, untilAborted } from '../interruption.ts';
import type { Secret } from '../secret.ts';
import type { Protocol } from '../wire/login-client.ts';
import { addressesOf, type Lookup, shuffled } from './addresses.ts';
import { connectFailure, type FailedAttempt, isDecisive } from './failures.ts';
import { type Host, hostsOf, isSocketDirectory } from './hosts.ts';
import {
  type ConnectPhase,
  type OpenSession,
  openSession,
  type SessionRequest,
} from './open-session.ts';
import { unwantedBecause } from './session-attrs.ts';
import { transportsFor } from './tls.ts';

/** Default for all hosts together: long enough for a cold server, short enough for a person. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How far connecting has come, and where. */
export interface ConnectStatus {
  readonly phase: ConnectPhase;
  /** As the conninfo names it. */
  readonly host: string;
  /** An IP address, or the directory of a socket. */
  readonly address: string;
  readonly port: number;
}

/** What is decided beside the conninfo. */
export interface SearchOptions {
  readonly applicationName?: string;
  readonly connectTimeoutMs?: number;
  readonly searchPath?: readonly string[];
  readonly lookup?: Lookup;
  readonly protocol?: Protocol;
  readonly onStatus?: (status: ConnectStatus) => void;
  readonly signal?: AbortSignal | undefined;
}

type Wanted = Exclude<TargetSessionAttrs, 'prefer-standby'>;

/**
 * The first session that is to be had: every host in turn, of a host every address, and of an address
 * every transport that `sslmode` allows.
 *
 * @throws CopylineError `CONNECT_FAILED`, `AUTH_FAILED`, `DATABASE_NOT_FOUND`, `CONNINFO_INVALID`, or
 *   the reason of the signal
 */
export async function findSession(
  parameters: ConnectionParameters,
  options: SearchOptions,
): Promise<OpenSession> {
  const attrs = (valueOf(parameters, 'target_session_attrs') ?? 'any') as TargetSessionAttrs;
  const passes: Wanted[] = attrs === 'prefer-standby' ? ['standby', 'any'] : [attrs];
  let failures: readonly FailedAttempt[] = [];
  for (const wanted of passes) {
    const search = new Search(parameters, options, wanted);
    const session = await search.run();
    if (session !== undefined) return session;
    failures = search.failures;
    if (search.isOver) break;
  }
  throw connectFailure(parameters, failures);
}

/** One pass over all addresses. */
class Search {
  readonly failures: FailedAttempt[] = [];
  /** The server has said what no other one would say differently. */
  isOver = false;
  readonly #parameters: ConnectionParameters;
  readonly #options: SearchOptions;
  readonly #wanted: Wanted;
  readonly #hosts: readonly Host[];
  readonly #timeoutMs: number;
  readonly #inOrder: <T>(items: readonly T[]) => readonly T[];

  constructor(parameters: ConnectionParameters, options: SearchOptions, wanted: Wanted) {
    this.#parameters = parameters;
    this.#options = options;
    this.#wanted = wanted;
    this.#hosts = hostsOf(parameters);
    this.#timeoutMs = timeoutOf(parameters, options, this.#hosts.length);
    const isRandom = valueOf(parameters, 'load_balance_hosts') === 'random';
    this.#inOrder = isRandom ? shuffled : (items) => items;
  }

  async run(): Promise<OpenSession | undefined> {
    for (const host of this.#inOrder(this.#hosts)) {
      for (const address of await this.#addressesOf(host)) {
        const session = await this.#tryAddress(host, address);
        if (session !== undefined || this.isOver) return session;
      }
    }
    return undefined;
  }

  async #addressesOf(host: Host): Promise<readonly string[]> {
    try {
      return this.#inOrder(await addressesOf(host, this.#timeoutMs, this.#options));
    } catch (error) {
      throwIfAborted(this.#options.signal);
      this.failures.push({ where: placeOf(host, host.name), error });
      return [];
    }
  }

  async #tryAddress(host: Host, address: string): Promise<OpenSession | undefined> {
    const transports = transportsFor(this.#parameters, host, address);
    const password = this.#passwordFor(host);
    for (const [i, tls] of transports.entries()) {
      let phase: ConnectPhase = 'started';
      const onPhase = (reached: ConnectPhase): void => {
        phase = reached;
        this.#options.onStatus?.({ phase, host: host.name, address, port: host.port });
      };
      try {
        const { port } = host;
        return await this.#wantedSession({
          ...this.#common,
          address,
          port,
          tls,
          password,
          onPhase,
        });
      } catch (error) {
        throwIfAborted(this.#options.signal);
        const fallsBack = i + 1 < transports.length && isOfTransport(error, phase);
        // The server's “no TLS” to who can do without is an answer, not a failure.
        if (!fallsBack || !isMissingTls(error)) {
          const how = transports.length === 1 ? '' : tls === undefined ? ', without TLS' : ', TLS';
          this.failures.push({ where: `${placeOf(host, address)}${how}`, error });
        }
        if (fallsBack) continue;
        this.isOver = isDecisive(error);
        return undefined;
      }
    }
    return undefined;
  }

  /** A session that is open and of the wanted kind; of another kind it is closed again. */
  async #wantedSession(request: SessionRequest): Promise<OpenSession> {
    const session = await openSession(request);
    const { onPhase, timeoutMs, signal } = request;
    if (this.#wanted !== 'any') {
      onPhase('check-target');
      try {
        const checked = unwantedBecause(session, this.#wanted);
        const inTime = settlesWithin(checked, timeoutMs);
        await untilAborted(inTime, signal);
        const reason = (await inTime) ? await checked : 'timeout expired';
        if (reason !== undefined) throw new CopylineError('CONNECT_FAILED', reason);
      } catch (error) {
        await endClient(session.client, signal?.aborted !== true);
        throw error;
      }
    }
    onPhase('ok');
    return session;
  }

  get #common(): Pick<
    SessionRequest,
    'parameters' | 'applicationName' | 'searchPath' | 'protocol' | 'timeoutMs' | 'signal'
  > {
    const { applicationName, searchPath, protocol, signal } = this.#options;
    const timeoutMs = this.#timeoutMs;
    const parameters = this.#parameters;
    return { parameters, applicationName, searchPath, protocol, timeoutMs, signal };
  }

  /** The password file is read for each host, when its turn comes: a new password is found there. */
  #passwordFor({ name: host, port }: Host): Secret | undefined {
    const { password } = this.#parameters;
    if (password !== undefined && password.reveal() !== '') return password;
    const file = valueOf(this.#parameters, 'passfile');
    const user = valueOf(this.#parameters, 'user') ?? '';
    const dbname = valueOf(this.#parameters, 'dbname') ?? user;
    return file === undefined ? undefined : findInPasswordFile({ host, port, dbname, user }, file);
  }
}

/** libpq's 0, which is for ever, is the default here: nothing waits for ever. */
function timeoutOf(
  parameters: ConnectionParameters,
  options: SearchOptions,
  hosts: number,
): number {
  const seconds = Number(valueOf(parameters, 'connect_timeout') ?? '0');
  const given = options.connectTimeoutMs ?? (seconds > 0 ? seconds * 1000 : undefined);
  return given ?? CONNECT_TIMEOUT_MS / hosts;
}

function placeOf({ name, port }: Host, address: string): string {
  const place = isSocketDirectory(address) ? `${address}/.s.PGSQL.${port}` : `${name}:${port}`;
  return address === name ? place : `${place} (${address})`;
}

/**
 * Whether the other transport may do better: the TLS handshake failed, or the server refused before
 * the login was through. A wrong password is not sent again in clear; libpq would.
 */
function isOfTransport(error: unknown, phase: ConnectPhase): boolean {
  if (isMissingTls(error)) return true;
  if (error instanceof pg.DatabaseError) return phase !== 'auth-ok' && error.code !== '28P01';
  return (
    phase === 'ssl-startup' && !(error instanceof Error && error.message === 'timeout expired')
  );
}

/** Whether a server without TLS refused an encrypted attempt. */
function isMissingTls(error: unknown): boolean {
  return error instanceof Error && error.message.includes('does not support SSL');
}
