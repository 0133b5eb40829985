/** The database of a working directory: attach to its running server, or start it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CopylineError } from '@copyline/contracts';
import { isClaimed } from './claim.ts';
import { onLine, restoreFailure } from './control.ts';
import type { Message, ServerFacts, ServerState } from './control.ts';
import type { EmbeddedDatabase } from './embedded-database.ts';
import { findPlace } from './place.ts';
import type { Place } from './place.ts';
import { livenessOf, parseIdentity } from './process-identity.ts';
import { fileFailure, startFailure } from './start-failure.ts';

export interface OpenEmbeddedOptions {
  /** Directory of the database, created if need be. Nothing else should be kept in it. */
  readonly home: string;
  /** Told in whole sentences what takes a while: creating, recovering, copying programs. */
  readonly onStatus?: (sentence: string) => void;
  /** Gives up waiting; a start nobody else waits for is undone. */
  readonly signal?: AbortSignal;
}

/** One user's stream to the supervisor. */
interface Connection {
  readonly socket: Socket;
  readonly started: boolean;
  /** What the supervisor printed before it ended, if it is ours. */
  readonly stderr: () => string;
}

/** While another process is claiming, starting or stopping; each round is a file or two read. */
const RETRY_MS = 50;
/** Waiting longer than this is worth a sentence. */
const SLOW_MS = 3_000;
/** A supervisor that neither answers nor goes away for this long is stuck. */
const RETRY_DEADLINE_MS = 120_000;

/**
 * Opens the persistent database of `home`. The server runs as long as anybody has it open, in any
 * process; the last one to leave, or to die, stops it.
 *
 * @throws {CopylineError} EMBEDDED_UNAVAILABLE without binaries for this platform,
 * EMBEDDED_START_FAILED with PostgreSQL's own words, INTERRUPTED when the signal is aborted.
 */
export async function openEmbedded(options: OpenEmbeddedOptions): Promise<EmbeddedDatabase> {
  const { home, onStatus = () => {}, signal } = options;
  const place = await findPlace(home);
  const began = Date.now();
  let told = false;
  while (Date.now() - began < RETRY_DEADLINE_MS) {
    throwIfAborted(signal);
    if (!told && Date.now() - began > SLOW_MS) {
      onStatus(`Waiting for another process to let go of the database in ${place.directory} …`);
      told = true;
    }
    const connection = await reach(place);
    const facts = connection && (await negotiate(connection, onStatus, signal));
    if (facts !== undefined) return opened(place, connection as Connection, facts);
    await delay(RETRY_MS);
  }
  const what = `Another process, perhaps in another container, holds the embedded database in ${place.directory} and does not answer`;
  throw startFailure(what, '', { logFile: place.logFile });
}

/** Undefined while the database is held by somebody who cannot be talked to, yet or any more. */
async function reach(place: Place): Promise<Connection | undefined> {
  try {
    const state = readState(place.stateFile);
    const socket = state && (await attach(state));
    if (socket !== undefined) return { socket, started: false, stderr: () => '' };
    return isClaimed(place.directory) ? undefined : startSupervisor(place);
  } catch (error) {
    if (error instanceof CopylineError) throw error;
    throw fileFailure(`The embedded database cannot use ${place.directory}`, error);
  }
}

/** Undefined when no supervisor of this machine runs; the file then tells only the last port. */
function readState(stateFile: string): ServerState | undefined {
  if (!existsSync(stateFile)) return undefined;
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as Partial<ServerState>;
  const supervisor = parseIdentity(state.supervisor);
  const runs = supervisor !== undefined && livenessOf(supervisor) === 'alive';
  return runs ? (state as ServerState) : undefined;
}

/** Undefined when nobody listens there: the state file of a supervisor that was killed. */
function attach({ host, controlPort, token }: ServerState): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: controlPort });
    socket.on('error', () => resolve(undefined));
    socket.once('connect', () => {
      socket.write(`${token}\n`);
      resolve(socket);
    });
  });
}

/**
 * Always the built file: Node 20 cannot run TypeScript. Found by the package's name, as this code may
 * have become a part of another file.
 */
function supervisorProgram(): string {
  try {
    return createRequire(import.meta.url).resolve('@copyline/embedded/supervisor');
  } catch (cause) {
    throw new CopylineError('EMBEDDED_UNAVAILABLE', "The database's supervisor is missing.", {
      cause,
      advice: 'Build Copyline first: `npm run build`.',
    });
  }
}

function startSupervisor(place: Place): Connection {
  const args = [supervisorProgram(), place.directory, JSON.stringify(place.account ?? null)];
  const child = spawn(process.execPath, args, {
    detached: true,
    cwd: '/',
    // Options of the user's node (inspectors, loaders, conditions) are not meant for this one.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const socket = child.stdio[3] as Socket;
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr?.on('error', () => {});
  child.once('error', (error) => {
    printed += error.message;
    socket.destroy();
  });
  socket.on('error', () => {});
  const stderr = (): string => printed;
  child.unref();
  (child.stderr as Socket | null)?.unref();
  return { socket, started: true, stderr };
}

/** Undefined when the supervisor asks to come again, or is gone before it answered. */
function negotiate(
  { socket, started, stderr }: Connection,
  onStatus: (sentence: string) => void,
  signal: AbortSignal | undefined,
): Promise<ServerFacts | undefined> {
  return new Promise((resolve, reject) => {
    let last: Message | undefined;
    const abort = (): void => {
      socket.destroy();
      reject(interruption(signal));
    };
    const closed = (): void => {
      signal?.removeEventListener('abort', abort);
      if (last?.kind === 'failed') reject(restoreFailure(last.failure));
      else if (last?.kind === 'retry' || !started) resolve(undefined);
      else reject(startFailure('The process that starts the embedded database ended', stderr()));
    };
    signal?.addEventListener('abort', abort);
    onLine(socket, (line) => {
      const message = JSON.parse(line) as Message;
      if (message.kind === 'stopped') return;
      last = message;
      if (last.kind === 'status') onStatus(last.sentence);
      if (last.kind !== 'ready') return;
      signal?.removeEventListener('abort', abort);
      resolve(last.facts);
    });
    socket.once('close', closed);
    // Attached to a supervisor that ended in this very moment.
    if (socket.destroyed) closed();
  });
}

function opened(place: Place, connection: Connection, facts: ServerFacts): EmbeddedDatabase {
  const { socket, started } = connection;
  const { dataDirectory, logFile } = place;
  const gone = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
  // A program that forgets to close may end all the same; its end counts as leaving.
  socket.unref();
  const close = (): Promise<void> => {
    socket.ref();
    socket.end();
    return gone;
  };
  return { ...facts, dataDirectory, logFile, started, close, [Symbol.asyncDispose]: close };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interruption(signal);
}

function interruption(signal: AbortSignal | undefined): CopylineError {
  const message = 'The embedded database was not waited for: the command was interrupted.';
  return new CopylineError('INTERRUPTED', message, { cause: signal?.reason });
}
