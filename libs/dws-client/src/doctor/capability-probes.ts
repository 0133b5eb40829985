import type { Connection } from '../connection.ts';
import type { Capability } from '../flavour/capabilities.ts';
import { sqlstateOf } from '../server-errors.ts';

/** What is tried to find out whether a server can do something. It leaves nothing behind. */
export interface CapabilityProbe {
  readonly what: string;
  /** @throws CopylineError what the server says when it cannot */
  readonly attempt: (connection: Connection) => Promise<void>;
}

/** Prepared transactions are known, and switched off. */
const OFF = '55000';

/** Flags that are a matter of policy, or of comparisons that take long, have no probe. */
export const CAPABILITY_PROBES: Partial<Readonly<Record<Capability, CapabilityProbe>>> = {
  discardAll: {
    what: 'DISCARD ALL',
    attempt: async (connection) => {
      await connection.query('DISCARD ALL');
    },
  },
  copyUnderSavepoint: {
    what: 'COPY under a savepoint',
    attempt: (connection) =>
      inTransaction(connection, async () => {
        await connection.query('CREATE TEMPORARY TABLE copyline_doctor (id int)');
        await connection.query('SAVEPOINT copyline_doctor');
        await connection.copyIn('COPY copyline_doctor FROM STDIN', (sink) =>
          sink.write(Buffer.from('1\n')),
        );
      }),
  },
  copyHeader: {
    what: 'HEADER of COPY … TO STDOUT',
    attempt: async (connection) => {
      const out = connection.copyOut('COPY (SELECT 1 AS a) TO STDOUT (FORMAT csv, HEADER true)');
      for await (const _piece of out);
    },
  },
  serializable: {
    what: 'isolation level SERIALIZABLE',
    attempt: (connection) =>
      inTransaction(
        connection,
        async () => {
          const { rows } = await connection.query<{ level: string }>(
            `SELECT current_setting('transaction_isolation') AS level`,
          );
          const level = rows[0]?.level ?? '';
          if (level !== 'serializable') throw new Error(`it is done as ${level}`);
        },
        'BEGIN ISOLATION LEVEL SERIALIZABLE',
      ),
  },
  notifications: probe('LISTEN', 'LISTEN copyline_doctor'),
  largeObjects: probe('large objects', 'SELECT lo_create(0)'),
  preparedTransactions: {
    what: 'PREPARE TRANSACTION',
    attempt: async (connection) => {
      try {
        await connection.query('BEGIN');
        await connection.query(`PREPARE TRANSACTION 'copyline_doctor'`);
        await connection.query(`ROLLBACK PREPARED 'copyline_doctor'`);
      } catch (error) {
        await connection.query('ROLLBACK');
        if (sqlstateOf(error) !== OFF) throw error;
      }
    },
  },
  scrollableCursors: probe('SCROLL cursors', 'DECLARE copyline_doctor SCROLL CURSOR FOR SELECT 1'),
  holdableCursors: probe(
    'cursors WITH HOLD',
    'DECLARE copyline_doctor CURSOR WITH HOLD FOR SELECT 1',
  ),
  sessionReadOnly: probe(
    'default_transaction_read_only',
    'SET LOCAL default_transaction_read_only = on',
  ),
  lockTimeout: probe('lock_timeout', 'SET LOCAL lock_timeout = 1000'),
  modernCatalogue: probe(
    'the catalogues of PostgreSQL 12',
    'SELECT attidentity, attgenerated FROM pg_attribute LIMIT 0',
  ),
};

function probe(what: string, statement: string): CapabilityProbe {
  return {
    what,
    attempt: (connection) =>
      inTransaction(connection, async () => {
        await connection.query(statement);
      }),
  };
}

/** Not `transaction()`: what that would refuse is to be tried. */
async function inTransaction(
  connection: Connection,
  work: () => Promise<void>,
  begin = 'BEGIN',
): Promise<void> {
  await connection.query(begin);
  try {
    await work();
  } finally {
    if (connection.isUsable) await connection.query('ROLLBACK');
  }
}
