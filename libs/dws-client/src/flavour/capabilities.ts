import { CopylineError } from '@copyline/contracts';

import type { Flavour, ServerKind } from './detect-flavour.ts';

/** What a server can do of what not all can. Read by whoever plans; nobody asks for the flavour. */
export interface Capabilities {
  /** `DISCARD ALL`, between two users of a pooled connection. */
  readonly discardAll: boolean;
  /** COPY while a savepoint is set. */
  readonly copyUnderSavepoint: boolean;
  /** COPY … TO STDOUT (FORMAT csv, HEADER): without a file of the server that holds the header. */
  readonly copyHeader: boolean;
  /** SERIALIZABLE is what it says, and not a lower level in silence. */
  readonly serializable: boolean;
  /** LISTEN and NOTIFY. */
  readonly notifications: boolean;
  /** Large objects. */
  readonly largeObjects: boolean;
  /** PREPARE TRANSACTION by the user. */
  readonly preparedTransactions: boolean;
  /** SCROLL cursors, and FETCH that goes backwards. */
  readonly scrollableCursors: boolean;
  /** Cursors WITH HOLD, beyond their COMMIT. */
  readonly holdableCursors: boolean;
  /** Read only as the default of a session. */
  readonly sessionReadOnly: boolean;
  /** Advisory locks for users. */
  readonly advisoryLocks: boolean;
  /** The setting `lock_timeout`. */
  readonly lockTimeout: boolean;
  /** The process id of a CancelRequest is that of `pg_backend_pid()`, too. */
  readonly processIdIsBackendPid: boolean;
  /** Identity and generated columns, partition trees: the catalogues of PostgreSQL 12 and later. */
  readonly modernCatalogue: boolean;
  /** The encoders of COPY BINARY have been compared with this kind of server, type by type. */
  readonly provenEncoders: boolean;
  /** What CREATE TABLE needs at its end, so that any unique index is possible. */
  readonly distributed: boolean;
}

export type Capability = keyof Capabilities;

const POSTGRES: Capabilities = {
  discardAll: true,
  copyUnderSavepoint: true,
  copyHeader: true,
  serializable: true,
  notifications: true,
  largeObjects: true,
  preparedTransactions: true,
  scrollableCursors: true,
  holdableCursors: true,
  sessionReadOnly: true,
  advisoryLocks: true,
  lockTimeout: true,
  processIdIsBackendPid: true,
  modernCatalogue: true,
  provenEncoders: true,
  distributed: false,
};

/** Made of PostgreSQL 9.2.4, for one node. Source: openGauss-server and its documentation. */
const OPENGAUSS: Capabilities = {
  ...POSTGRES,
  discardAll: false,
  serializable: false,
  notifications: false,
  largeObjects: false,
  holdableCursors: false,
  lockTimeout: false,
  processIdIsBackendPid: false,
  modernCatalogue: false,
  provenEncoders: false,
};

/** Many nodes. Source: GaussDB(DWS) documentation, "Differences from PostgreSQL"; psycopg2's table. */
const GAUSSDB_DWS: Capabilities = {
  ...OPENGAUSS,
  copyUnderSavepoint: false,
  copyHeader: false,
  preparedTransactions: false,
  scrollableCursors: false,
  sessionReadOnly: false,
  advisoryLocks: false,
  distributed: true,
};

/** One row for each flavour, from the version named on; the last one that is old enough holds. */
const TABLE: Readonly<
  Record<Flavour, readonly { readonly since: number; readonly can: Capabilities }[]>
> = {
  postgres: [
    { since: 0, can: Object.freeze({ ...POSTGRES, modernCatalogue: false }) },
    { since: 12, can: Object.freeze(POSTGRES) },
  ],
  opengauss: [{ since: 0, can: Object.freeze(OPENGAUSS) }],
  'gaussdb-dws': [{ since: 0, can: Object.freeze(GAUSSDB_DWS) }],
  // It may be distributed or not, which its name does not tell: the safe side.
  gaussdb: [{ since: 0, can: Object.freeze({ ...GAUSSDB_DWS, distributed: false }) }],
};

/** What a kind of server can do. */
export function capabilitiesOf({ flavour, version }: ServerKind): Capabilities {
  const number = Number.parseFloat(version);
  const row = TABLE[flavour].findLast(({ since }) => since === 0 || number >= since);
  return row?.can ?? POSTGRES;
}

/** A call that this kind of server cannot serve; nothing was sent. Code `NOT_SUPPORTED`. */
export class NotSupportedError extends CopylineError {
  constructor(what: string, { flavour, version }: ServerKind) {
    super('NOT_SUPPORTED', `${PRODUCT_NAMES[flavour]} ${version} has no ${what}`);
  }
}

const PRODUCT_NAMES: Readonly<Record<Flavour, string>> = {
  postgres: 'PostgreSQL',
  opengauss: 'openGauss',
  'gaussdb-dws': 'GaussDB(DWS)',
  gaussdb: 'GaussDB',
};

/** What a server is, and what it can do. */
export interface Server extends ServerKind {
  readonly can: Capabilities;
  /** Of the database, by its name there (`server_encoding`): `UTF8` as a rule. */
  readonly encoding: string;
}

export function serverOfKind(kind: ServerKind, encoding = 'UTF8'): Server {
  return Object.freeze({ ...kind, can: capabilitiesOf(kind), encoding });
}

/** @throws NotSupportedError when the server cannot do it */
export function assertCan(server: Server, capability: Capability, what: string): void {
  if (!server.can[capability]) throw new NotSupportedError(what, server);
}
