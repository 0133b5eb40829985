import { CopylineError } from '@copyline/contracts';
import pg from 'pg';

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

/**
 * node-postgres' client, which logs in to GaussDB(DWS), openGauss and GaussDB as well: by SHA256 or SM3,
 * over the protocol that the server turns out to speak.
 */
export class LoginClient extends pg.Client {
  /** What the server has reported of its settings, by name. */
  readonly parameters = new Map<string, string>();

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

function missingPassword(): CopylineError {
  return new CopylineError('AUTH_FAILED', 'the server asks for a password', { phase: 'connect' });
}
