import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { keptPassword } from '../databases/login-role.ts';
import type { SqlMatch } from '../proxy/fault-rules.ts';
import type { InjectedError } from '../proxy/wire-messages.ts';
import { FaceSession } from './face-session.ts';
import { encryptedWhenAsked, type FaceCertificate } from './face-tls.ts';
import type { FaceRole } from './gauss-keys.ts';

const HOST = '127.0.0.1';
/** That a GaussDB allows: each login of each test pays for them. */
export const FEWEST_ITERATIONS = 2_048;

/** Errors with which a coordinator tells that something behind it is amiss. */
export const CN_ERRORS = {
  pooler: {
    sqlstate: '08000',
    message:
      'pooler: failed to create 1 connections, Error Message: remote node dn_6003_6004, detail: ' +
      'could not connect to server: Connection refused',
  },
  connectionReset: { sqlstate: 'YY001', message: 'Connection reset by peer. [cn_5001 to dn_6001]' },
  lockTimeout: { sqlstate: 'YY003', message: 'Lock wait timeout: thread on node dn_6001' },
} as const satisfies Record<string, InjectedError>;

/** One address of the face. It knows its own sessions only, also when it is asked to cancel. */
export class Coordinator {
  readonly host = HOST;
  readonly port: number;
  readonly #face: DwsFace;
  readonly #sessions = new Set<FaceSession>();
  readonly #sockets = new Set<Socket>();
  #listener: Server | undefined;

  constructor(face: DwsFace, listener: Server) {
    this.#face = face;
    const address = listener.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    this.#listen(listener);
  }

  /** Its sessions end with RST, and it refuses new ones. */
  fail(): void {
    this.#listener?.close();
    this.#listener = undefined;
    for (const session of this.#sessions) session.reset();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** It takes connections again. */
  async recover(): Promise<void> {
    if (this.#listener === undefined) this.#listen(await listen(this.port));
  }

  #listen(listener: Server): void {
    this.#listener = listener;
    listener.on('connection', (socket: Socket) => void this.#accept(socket));
  }

  async #accept(socket: Socket): Promise<void> {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    const { certificate } = this.#face;
    const client =
      certificate === undefined ? socket : await encryptedWhenAsked(socket, certificate);
    const session = new FaceSession(client, {
      server: this.#face.server,
      role: (user) => this.#face.roleOf(user),
      injected: (sql) => this.#face.takeInjected(sql),
      opened: (each) => this.#sessions.add(each),
      cancel: (processId, secretKey) => this.#cancel(processId, secretKey),
    });
    void session.run().finally(() => {
      this.#sessions.delete(session);
      this.#sockets.delete(socket);
    });
  }

  async #cancel(processId: number, secretKey: number): Promise<void> {
    const isOwn = [...this.#sessions].some(
      ({ key }) => key?.[0] === processId && key[1] === secretKey,
    );
    if (!isOwn) return;
    const { host, port } = this.#face.server;
    const socket = connect(port, host);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const request = Buffer.alloc(16);
    [16, 80_877_102, processId, secretKey].forEach((word, i) => request.writeInt32BE(word, 4 * i));
    socket.write(request);
    socket.resume();
    await once(socket, 'close');
  }
}

/** What stands behind a face. */
export interface RealServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/**
 * A PostgreSQL that looks like a GaussDB(DWS) from outside: it logs clients in as that does, calls itself
 * one, refuses what that refuses, and reports process ids of 64 bits. TLS where it has a certificate.
 */
export class DwsFace implements AsyncDisposable {
  readonly host = HOST;
  /** The first coordinator's. */
  readonly port: number;
  readonly server: RealServer;
  /** By name; the real server must know them by the same password. */
  readonly roles: Map<string, FaceRole>;
  readonly coordinators: readonly Coordinator[];
  readonly certificate: FaceCertificate | undefined;
  readonly #injections: { readonly match: SqlMatch; readonly error: InjectedError }[] = [];

  constructor(
    server: RealServer,
    roles: Readonly<Record<string, FaceRole>>,
    listeners: readonly Server[],
    certificate?: FaceCertificate,
  ) {
    this.server = server;
    this.certificate = certificate;
    this.roles = new Map([[server.user, { password: server.password }], ...Object.entries(roles)]);
    this.coordinators = listeners.map((listener) => new Coordinator(this, listener));
    this.port = this.coordinators[0]?.port ?? 0;
  }

  /** @internal Roles of single tests are known by what `loginRole` has kept of them. */
  async roleOf(user: string): Promise<FaceRole | undefined> {
    const known = this.roles.get(user);
    if (known !== undefined) return known;
    const password = await keptPassword(this.server, user);
    return password === undefined ? undefined : { password, iterations: FEWEST_ITERATIONS };
  }

  /** The target's URL with the address of a coordinator in place of the server's. */
  url(target: { url(): string }, coordinator = 0): string {
    const url = new URL(target.url());
    url.hostname = HOST;
    url.port = String(this.coordinators[coordinator]?.port);
    return url.href;
  }

  /** The next statement that matches fails with this error, and so does its transaction. */
  injectError(match: SqlMatch, error: InjectedError): void {
    this.#injections.push({ match, error });
  }

  /** @internal */
  takeInjected(sql: string): InjectedError | undefined {
    const at = this.#injections.findIndex(({ match }) =>
      typeof match === 'function' ? match(sql) : match.test(sql),
    );
    return at < 0 ? undefined : this.#injections.splice(at, 1)[0]?.error;
  }

  /** Resets what is open and closes the ports. */
  close(): Promise<void> {
    for (const coordinator of this.coordinators) coordinator.fail();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export interface FaceOptions {
  /** Roles beside the server's superuser. */
  readonly roles?: Readonly<Record<string, FaceRole>>;
  /** How many addresses. Default: 1. */
  readonly coordinators?: number;
  /** With it, who asks for TLS gets it; default: none, and nobody does. */
  readonly certificate?: FaceCertificate;
}

/** Starts a face before a server; the caller closes it. */
export async function openDwsFace(
  server: RealServer,
  { roles = {}, coordinators = 1, certificate }: FaceOptions = {},
): Promise<DwsFace> {
  const listeners = await Promise.all(Array.from({ length: coordinators }, () => listen(0)));
  return new DwsFace(server, roles, listeners, certificate);
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(port, HOST);
  await once(server, 'listening');
  return server;
}
