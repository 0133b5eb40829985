import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished, TestRunner } from 'vitest';
import { FaultBoard } from './fault-board.ts';
import type { FaultHandle, SqlMatch } from './fault-rules.ts';
import { ProxyConnection } from './proxy-connection.ts';
import type { Direction } from './wire-frames.ts';
import type { InjectedError } from './wire-messages.ts';

const HOST = '127.0.0.1';

/**
 * Ports of the proxies. They lie below those the kernel gives to outgoing connections: while
 * `refuse()` has the listener closed, no session of another test may take the port.
 */
const PORTS = [20_000, 32_000] as const;

/**
 * A TCP proxy in front of one server that reads the protocol and breaks it at a chosen place. No
 * TLS through it: the server must answer `N`, else the rules that read SQL see nothing.
 *
 * Each rule works once, on the next match after it was armed, and returns a handle.
 */
export class FaultProxy implements AsyncDisposable {
  readonly host = HOST;
  readonly port: number;
  #target: { readonly host: string; readonly port: number };
  readonly #board = new FaultBoard();
  readonly #connections = new Map<ProxyConnection, Promise<void>>();
  readonly #hanging = new Set<Socket>();
  #listener: Server | undefined;
  #hang = false;

  constructor(target: { readonly host: string; readonly port: number }, listener: Server) {
    this.#target = target;
    this.port = portOf(listener);
    this.#listen(listener);
  }

  /** The target's URL with this proxy's address in place of the server's. */
  url(target: { url(): string }): string {
    const url = new URL(target.url());
    url.hostname = this.host;
    url.port = String(this.port);
    return url.href;
  }

  /** Connections that are open now, hanging ones included. */
  get connections(): number {
    return this.#connections.size + this.#hanging.size;
  }

  /** The SQL of every Query, Parse and Bind of an earlier statement, in order of arrival. */
  get queries(): readonly string[] {
    return this.#board.queries;
  }

  /** How many messages of this letter have gone that way, over all connections. */
  messages(direction: Direction, letter: string): number {
    return this.#board.counts[direction].get(letter) ?? 0;
  }

  /** RST to both sides of every open connection, now. */
  reset(): void {
    for (const connection of this.#connections.keys()) connection.reset();
    for (const socket of this.#hanging) socket.resetAndDestroy();
  }

  /** RST to both sides once a connection has carried exactly so many bytes more that way. */
  cutAfterBytes(direction: Direction, bytes: number): FaultHandle {
    const description = `cutAfterBytes(${direction}, ${bytes})`;
    return this.#board.onBytes.arm({ kind: 'reset', direction, bytes }, description);
  }

  /** FIN in one direction of every open connection, now; the other direction goes on. */
  halfClose(direction: Direction): void {
    for (const connection of this.#connections.keys()) connection.halfClose(direction);
  }

  /** FIN in one direction once a connection has carried exactly so many bytes more that way. */
  halfCloseAfterBytes(direction: Direction, bytes: number): FaultHandle {
    const description = `halfCloseAfterBytes(${direction}, ${bytes})`;
    return this.#board.onBytes.arm({ kind: 'half-close', direction, bytes }, description);
  }

  /** New connections are refused by the kernel; open ones stay. */
  refuse(): void {
    // The port is closed at once; only the callback, which nobody needs, waits for connections.
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** New connections are taken, and nothing is ever said to them. */
  async acceptAndHang(): Promise<void> {
    this.#hang = true;
    await this.#reopen();
  }

  /** New connections work again; hanging ones go on hanging. */
  async accept(): Promise<void> {
    this.#hang = false;
    await this.#reopen();
  }

  /**
   * Nothing passes any more, on any connection, in any direction: neither bytes nor ends. Release
   * it, or close the proxy, before something waits for the orderly end of a connection.
   */
  blackHole(): FaultHandle {
    return this.#board.openBlackHole();
  }

  /** Latency from now on; chunks travel at the same time, so bandwidth stays. 0 ends it. */
  delay(ms: number, direction?: Direction): void {
    if (direction !== 'toClient') this.#board.latencyMs.toServer = ms;
    if (direction !== 'toServer') this.#board.latencyMs.toClient = ms;
  }

  /** Both directions travel in pieces of so many bytes, from now on. 0 ends it. */
  slice(bytes: number): void {
    this.#board.sliceBytes = bytes;
  }

  /** A narrow line: so many bytes in a second, each way, from now on. 0 ends it. */
  throttle(bytesPerSecond: number): void {
    this.#board.bytesPerSecond = bytesPerSecond;
  }

  /**
   * A bad line: of so many packets one is lost, from now on. It comes again after the time that TCP
   * waits, and what follows it waits with it, as TCP keeps the order. 0 ends it.
   */
  lose(oneIn: number): void {
    this.#board.lossOneIn = oneIn;
  }

  /** New connections go to another server: a fail-over. */
  repoint(target: { readonly host: string; readonly port: number }): void {
    this.#target = target;
  }

  /** RST to both sides instead of forwarding the statement: the request is lost. */
  dropQuery(match: SqlMatch): FaultHandle {
    return this.#board.onQuery.arm({ kind: 'drop' }, `dropQuery(${String(match)})`, match);
  }

  /** The server does it and says so, but RST reaches the client instead: the reply is lost. */
  dropReply(match: SqlMatch): FaultHandle {
    return this.#board.onReply.arm({ kind: 'drop' }, `dropReply(${String(match)})`, match);
  }

  /** Holds the statement until `release()`; the server does not know of it. */
  parkQuery(match: SqlMatch): FaultHandle {
    return this.#board.onQuery.arm({ kind: 'park' }, `parkQuery(${String(match)})`, match);
  }

  /** Holds the answer until `release()`: it is done, but the client has not been told. */
  parkReply(match: SqlMatch): FaultHandle {
    return this.#board.onReply.arm({ kind: 'park' }, `parkReply(${String(match)})`, match);
  }

  /**
   * Holds the answer from its first message of this letter on, until `release()`: `'C'` is all but
   * the end, `'Z'` all but the server's readiness.
   */
  parkMessage(match: SqlMatch, letter: string): FaultHandle {
    const description = `parkMessage(${String(match)}, ${letter})`;
    return this.#board.onReply.arm({ kind: 'parkAt', letter }, description, match);
  }

  /** Holds a CancelRequest until `release()`: it then comes too late. */
  parkCancel(): FaultHandle {
    return this.#board.onCancel.arm({ kind: 'park' }, 'parkCancel()');
  }

  /**
   * The statement fails with this error. The server gets a statement that cannot be parsed, so an
   * open transaction really is aborted; FATAL and PANIC also end the connection.
   */
  injectError(match: SqlMatch, error: InjectedError): FaultHandle {
    return this.#board.onQuery.arm(
      { kind: 'inject', error },
      `injectError(${String(match)})`,
      match,
    );
  }

  /**
   * The server gets other SQL: `rewriteQuery(/^commit/i, 'ROLLBACK')` is a COMMIT that did not. A
   * statement prepared earlier under a name is not sent again, so it cannot be rewritten.
   */
  rewriteQuery(match: SqlMatch, sql: string): FaultHandle {
    return this.#board.onQuery.arm(
      { kind: 'rewrite', sql },
      `rewriteQuery(${String(match)})`,
      match,
    );
  }

  /** The statement is done, but its command tag reads differently: a lying server. */
  rewriteReply(match: SqlMatch, commandTag: string): FaultHandle {
    return this.#board.onReply.arm(
      { kind: 'retag', commandTag },
      `rewriteReply(${String(match)})`,
      match,
    );
  }

  /** Resets what is open, held statements included, and closes the port. */
  async close(): Promise<void> {
    this.refuse();
    this.reset();
    await Promise.all([...this.#connections.values()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #reopen(): Promise<void> {
    if (!this.#listener) this.#listen(await listen(this.port));
  }

  #listen(listener: Server): void {
    this.#listener = listener;
    listener.on('connection', (client: Socket) => this.#accept(client));
  }

  #accept(client: Socket): void {
    client.setNoDelay(true);
    if (this.#hang) {
      this.#hanging.add(client);
      client.on('error', () => undefined);
      // Read and thrown away, so that the end of the client is seen.
      client.on('close', () => this.#hanging.delete(client)).resume();
      client.on('end', () => client.end());
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const connection = new ProxyConnection(client, server, this.#board);
    const running = connection.run().finally(() => this.#connections.delete(connection));
    this.#connections.set(connection, running);
  }
}

/**
 * Starts a proxy in front of a server. Inside a test it is closed when the test ends, if it was
 * not before (`await using`); started in a `beforeAll`, the caller closes it.
 */
export async function startFaultProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<FaultProxy> {
  for (let attempt = 1; ; attempt++) {
    try {
      const proxy = new FaultProxy(target, await listen(randomInt(...PORTS)));
      if (TestRunner.getCurrentTest()) onTestFinished(() => proxy.close());
      return proxy;
    } catch (error) {
      if (attempt === 20 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(port, HOST);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  return address.port;
}
