/**
 * Process entry: owns the server of one working directory for as long as somebody uses it.
 *
 *     node supervisor.js <directory> <account as JSON, or null>
 *
 * Started by `openEmbedded`, detached from the terminal; descriptor 3 is its first user. Later
 * ones come over a loopback port with the token of the state file. When the last one is gone the
 * server is stopped and this process ends.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { findPackaged } from './binaries.ts';
import type { Account } from './child-process.ts';
import { claimDirectory } from './claim.ts';
import type { Claim } from './claim.ts';
import { createCluster, readCredentials } from './cluster.ts';
import { describeFailure, onLine, sendMessage } from './control.ts';
import type { Message, ServerFacts, ServerState } from './control.ts';
import { placeAt } from './place.ts';
import type { Place } from './place.ts';
import { writePrivateFile } from './private-file.ts';
import { ownIdentity } from './process-identity.ts';
import { adoptPostmasterFile, HOST, startServer, stopLeftover } from './server.ts';
import type { RunningServer } from './server.ts';
import { PERSISTENT_SETTINGS } from './settings.ts';
import { fileFailure } from './start-failure.ts';

/** A caller that does not say the token at once is not one of ours. */
const TOKEN_DEADLINE_MS = 5_000;

class Supervisor {
  readonly #place: Place;
  readonly #claim: Claim;
  readonly #token = randomBytes(24).toString('base64url');
  readonly #users = new Set<Socket>();
  readonly #endpoint = createServer({ allowHalfOpen: true }, (socket) => this.#admit(socket));
  /** Aborted when the last user leaves during the start. */
  readonly #wanted = new AbortController();
  /** What every user hears, in order; a late one hears it from the beginning. */
  readonly #said: Message[] = [];
  #starting: Promise<ServerFacts> | undefined;
  #server: RunningServer | undefined;
  #finishing = false;

  constructor(place: Place, claim: Claim) {
    this.#place = place;
    this.#claim = claim;
  }

  async run(first: Socket): Promise<void> {
    this.#welcome(first);
    try {
      const controlPort = await this.#listen();
      const previous = readPreviousPort(this.#place);
      this.#writeState({ controlPort, port: 0, user: '', password: '', database: '' });
      this.#starting = this.#start(previous);
      const facts = await this.#starting;
      this.#writeState({ controlPort, ...facts });
      this.#say({ kind: 'ready', facts });
    } catch (error) {
      this.#say({ kind: 'failed', failure: describeFailure(error) });
      await this.finish();
      return;
    }
    await this.#server?.exited;
    await this.finish();
  }

  /** Stops the server, gives the claim back, lets everybody go. The process then ends. */
  async finish(): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    this.#wanted.abort();
    this.#endpoint.close();
    // A start that is not wanted any more clears up after itself first.
    await this.#starting?.catch(() => {});
    await this.#server?.stop();
    forgetSecrets(this.#place, this.#server?.port);
    // Before the users go: whoever waited for the stop can start anew at once.
    this.#claim.release();
    await Promise.all([...this.#users].map((user) => sendMessage(user, { kind: 'stopped' })));
    // Ends the streams of all users, and so tells them that nothing is left.
    process.exit(0);
  }

  async #start(preferredPort: number | undefined): Promise<ServerFacts> {
    const { account, dataDirectory, logFile, owner } = this.#place;
    const onStatus = (sentence: string): void => this.#say({ kind: 'status', sentence });
    const signal = this.#wanted.signal;
    const binaries = await findPackaged(account, onStatus);
    signal.throwIfAborted();
    if (existsSync(dataDirectory)) {
      await stopLeftover(dataDirectory);
      adoptPostmasterFile(dataDirectory, account);
    } else {
      onStatus(`Creating a PostgreSQL ${binaries.version} database in ${dataDirectory} …`);
      const database = 'copyline';
      await createCluster({ binaries, account, dataDirectory, database, durable: true, signal });
    }
    const settings = PERSISTENT_SETTINGS;
    const where = { binaries, account, dataDirectory, logFile, logIsKept: true, owner };
    this.#server = await startServer({ ...where, settings, preferredPort, onStatus, signal });
    return { host: HOST, port: this.#server.port, ...readCredentials(dataDirectory) };
  }

  #listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#endpoint.once('error', reject);
      this.#endpoint.listen(0, HOST, () => resolve((this.#endpoint.address() as AddressInfo).port));
    });
  }

  #writeState(facts: Omit<ServerState, 'host' | 'token' | 'supervisor'>): void {
    const supervisor = ownIdentity();
    const state: ServerState = { host: HOST, ...facts, token: this.#token, supervisor };
    const text = JSON.stringify(state, undefined, 2);
    writePrivateFile(this.#place.stateFile, `${text}\n`, this.#place.owner);
  }

  #admit(socket: Socket): void {
    const deadline = setTimeout(() => socket.destroy(), TOKEN_DEADLINE_MS);
    socket.on('error', () => {});
    socket.once('close', () => clearTimeout(deadline));
    onLine(socket, (line) => {
      if (this.#users.has(socket)) return;
      clearTimeout(deadline);
      if (isEqual(line, this.#token)) this.#welcome(socket);
      else socket.destroy();
    });
  }

  #welcome(socket: Socket): void {
    if (this.#finishing) {
      void sendMessage(socket, { kind: 'retry' });
      socket.end();
      return;
    }
    this.#users.add(socket);
    for (const message of this.#said) void sendMessage(socket, message);
    let here = true;
    const leave = (): void => {
      if (here) this.#dismiss(socket);
      here = false;
    };
    socket.on('error', leave).on('end', leave).on('close', leave).resume();
  }

  #dismiss(socket: Socket): void {
    if (this.#users.size === 1) {
      // The last one: his stream stays open until the server is stopped.
      void this.finish();
      return;
    }
    this.#users.delete(socket);
    socket.end();
  }

  #say(message: Message): void {
    this.#said.push(message);
    for (const user of this.#users) void sendMessage(user, message);
  }
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** People keep host and port in other tools, so the same port is taken again if it is free. */
function readPreviousPort({ stateFile }: Place): number | undefined {
  try {
    const { port } = JSON.parse(readFileSync(stateFile, 'utf8')) as { port?: unknown };
    return typeof port === 'number' && port > 0 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** Only the port is worth remembering. */
function forgetSecrets({ stateFile, owner }: Place, port: number | undefined): void {
  try {
    if (port === undefined) rmSync(stateFile, { force: true });
    else writePrivateFile(stateFile, `${JSON.stringify({ port })}\n`, owner);
  } catch {
    // The directory was removed under the running server: nothing is left to be told.
  }
}

async function claimOrSay({ directory, owner }: Place, first: Socket): Promise<Claim> {
  try {
    const claim = await claimDirectory(directory, owner);
    if (claim !== undefined) return claim;
    await sendMessage(first, { kind: 'retry' });
  } catch (error) {
    const failure = fileFailure(`The embedded database cannot use ${directory}`, error);
    await sendMessage(first, { kind: 'failed', failure: describeFailure(failure) });
  }
  return process.exit(0);
}

async function main(directory: string, account: Account | undefined): Promise<void> {
  const first = new Socket({ fd: 3, allowHalfOpen: true });
  first.on('error', () => {});
  const place = placeAt(directory, account);
  const claim = await claimOrSay(place, first);
  const supervisor = new Supervisor(place, claim);
  // A terminal is no business of ours; an orderly end of the system is.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.on('SIGTERM', () => void supervisor.finish());
  process.on('uncaughtException', (error) => {
    // PostgreSQL stops by its watchdog when we are gone.
    appendFileSync(place.logFile, `copyline supervisor: ${error.stack}\n`);
    process.exit(1);
  });
  await supervisor.run(first);
}

const [directory = '', account = 'null'] = process.argv.slice(2);
await main(directory, (JSON.parse(account) as Account | null) ?? undefined);
