import { CopylineError } from '@copyline/contracts';
import pg from 'pg';

import { type Server, serverOfKind } from '../flavour/capabilities.ts';
import { detectFlavour, flavourOfParameters } from '../flavour/detect-flavour.ts';
import { answerRequest } from '../login/answer-request.ts';
import { parseAuthRequest } from '../login/auth-request.ts';
import { type GaussRequest, LoginConnection, type ProtocolMinor } from './login-connection.ts';
import { loginInternals } from './pg-internals.ts';

/** The version of the protocol to begin with; see `ConnectOptions`. */
export type Protocol = '3.0' | '3.50' | '3.51';

const MINORS: Readonly<Record<Protocol, ProtocolMinor>> = { '3.0': 0, '3.50': 50, '3.51': 51 };

/** What the server at an address turned out to speak; when that is wrong, a login takes a little longer. */
const found = new Map<string, ProtocolMinor>();

/** Source: GaussDB(DWS) documentation, `password_encryption_type`. */
const REFUSED_HINT =
  'where the password is right, it may have been stored under another password_encryption_type: ' +
  'set it again with ALTER USER';

/** A server that has just logged somebody in answers this at once. */
const IDENTIFY_TIMEOUT_MS = 10_000;

/**
 * node-postgres' client, which logs in to GaussDB(DWS), openGauss and GaussDB as well: by SHA256 or SM3,
 * over the protocol that the server turns out to speak.
 */
export class LoginClient extends pg.Client {
  /** What the server has reported of its settings, by name. */
  readonly parameters = new Map<string, string>();
  #server: Server = serverOfKind({ flavour: 'postgres', version: '' });
  #backendPid: bigint | undefined;

  /** @param protocol what to begin with. Default: what the address spoke last, else 3.0. */
  constructor(config: pg.ClientConfig, protocol?: Protocol) {
    super(config);
    const address = `${config.host ?? ''}:${String(config.port)}`;
    const minor = protocol === undefined ? (found.get(address) ?? 0) : MINORS[protocol];
    const internals = loginInternals(this);
    const { ssl, sslnegotiation } = internals.connectionParameters;
    const connection = new LoginConnection(
      {
        ssl,
        sslNegotiation: sslnegotiation,
        keepAlive: config.keepAlive ?? false,
        keepAliveInitialDelayMillis: config.keepAliveInitialDelayMillis ?? 0,
      },
      { minor, isAsked: protocol !== undefined },
    );
    internals.connection = connection;
    let isGauss = false;
    connection.on('gaussRequest', (request: GaussRequest) => {
      isGauss = true;
      this.#answer(connection, request);
    });
    connection.on('parameterStatus', (each: { parameterName: string; parameterValue: string }) => {
      this.parameters.set(each.parameterName, each.parameterValue);
    });
    connection.on('errorMessage', (error: pg.DatabaseError) => {
      if (isGauss && error.code?.startsWith('28') === true) error.hint ??= REFUSED_HINT;
    });
    connection.once('readyForQuery', () => {
      isGauss = false; // from now on such an error is about something else
      found.set(address, connection.minor);
    });
  }

  /** What the server is, once connected. */
  get server(): Server {
    return this.#server;
  }

  /** As `pg_backend_pid()` says; known without asking where the server's start-up message tells it. */
  get backendPid(): bigint | undefined {
    return this.#backendPid;
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    const connecting = super.connect().then(async () => {
      await this.#identify();
      return this;
    });
    if (callback === undefined) return connecting;
    const told = callback as (error?: Error) => void; // without one when it has worked
    connecting.then(() => {
      told();
    }, told);
    return undefined;
  }

  /** Asks nothing where the start-up parameters leave no doubt, as those of a PostgreSQL do. */
  async #identify(): Promise<void> {
    const known = flavourOfParameters(this.parameters);
    const encoding = this.parameters.get('server_encoding');
    if (known !== undefined) {
      this.#server = serverOfKind(known, encoding);
      return;
    }
    const { rows } = await this.query<{ version: string; pid: string }>({
      text: 'SELECT version() AS version, pg_backend_pid()::text AS pid',
      query_timeout: IDENTIFY_TIMEOUT_MS,
    } as pg.QueryConfig);
    this.#server = serverOfKind(detectFlavour(rows[0]?.version ?? ''), encoding);
    this.#backendPid = BigInt(rows[0]?.pid ?? 0);
  }

  #answer(connection: LoginConnection, { code, body }: GaussRequest): void {
    const internals = loginInternals(this);
    internals._getPassword(() => {
      void (async () => {
        const { user, password } = internals;
        if (typeof password !== 'string') throw missingPassword();
        const request = parseAuthRequest(code, body);
        connection.password(await answerRequest(request, { user, password }));
      })().catch((error: unknown) => connection.emit('error', error));
    });
  }
}

/** What a client is connected to; a plain client of node-postgres to a PostgreSQL. */
export function serverOf(client: pg.Client): Server {
  return client instanceof LoginClient
    ? client.server
    : serverOfKind({ flavour: 'postgres', version: '' });
}

/** See `LoginClient.backendPid`. */
export function knownBackendPid(client: pg.Client): bigint | undefined {
  return client instanceof LoginClient ? client.backendPid : undefined;
}

function missingPassword(): CopylineError {
  return new CopylineError('AUTH_FAILED', 'the server asks for a password', { phase: 'connect' });
}
