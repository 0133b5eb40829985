import { define } from './error-definition.ts';

/** Of reaching the database. */
export const CONNECTION_ERRORS = define({
  CONNECT_FAILED: {
    retry: 'retry',
    meaning: 'No connection to the database server could be made.',
    advice: 'Check host, port and network, and that the server is running.',
  },
  AUTH_FAILED: {
    retry: 'never',
    meaning: 'The server refused the user name or the password.',
    advice: 'Check user and password (PGPASSWORD, .pgpass or the configuration).',
  },
  AUTH_UNSUPPORTED: {
    retry: 'never',
    meaning: 'The server asks for a way of logging in that Copyline does not speak.',
    advice:
      'Give the user a password login: scram-sha-256 or md5 on PostgreSQL, sha256 on GaussDB.',
  },
  DATABASE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The server has no database of that name.',
    advice: 'Check the dbname of the target.',
  },
  CONNECTION_LOST: {
    retry: 'retry',
    meaning: 'The connection ended before the server had answered. A transaction is rolled back.',
    advice:
      'Run the same command again: no load is stored twice. A statement that changes something, sent by itself, may have been executed: look first.',
  },
  POOL_TIMEOUT: {
    retry: 'retry',
    meaning: 'No pooled connection became free in time.',
    advice: 'Raise the pool size or the timeout, or run fewer loads at once.',
  },
  CONNECTION_UNUSABLE: {
    retry: 'retry',
    meaning: 'The connection was closed or could not be proven ready, and was destroyed.',
    advice: 'Open a new connection.',
  },
});

/** Of SQL. */
export const SQL_ERRORS = define({
  SQL_FAILED: {
    retry: 'never',
    meaning: 'The server refused a statement.',
    advice: 'Read the SQLSTATE and the server’s message.',
  },
  SQL_TRANSIENT: {
    retry: 'retry',
    meaning:
      'The server gave the statement up for a passing reason: a deadlock, a lock timeout, resources.',
    advice:
      'Repeat the whole transaction; if it persists, look at the server’s locks and resources.',
  },
  DISK_FULL: {
    retry: 'retry',
    meaning: 'The database server has no room left on a disk; the transaction is rolled back.',
    advice:
      'Free or add space there (rows that were rolled back keep theirs until VACUUM), then repeat the load.',
  },
  NOT_SUPPORTED: {
    retry: 'never',
    meaning: 'This kind of server cannot do what was asked for; nothing was sent to it.',
    advice: 'See docs/dws.md for what each kind of server can do, and what to do instead.',
  },
  STATEMENT_CANCELLED: {
    retry: 'never',
    meaning: 'The server cancelled the statement: a statement_timeout, or an administrator.',
    advice: 'Raise the statement_timeout of the role, or ask who cancelled it.',
  },
  PERMISSION_DENIED: {
    retry: 'never',
    meaning: 'The database role lacks a privilege.',
    advice: 'Grant the privilege named in the message, or use another role.',
  },
  COMMIT_ROLLED_BACK: {
    retry: 'never',
    meaning:
      'The server answered COMMIT with ROLLBACK: an earlier error had ended the transaction.',
    advice: 'Nothing is stored. Look for the first error of the transaction.',
  },
  COMMIT_UNKNOWN: {
    retry: 'resolve',
    meaning: 'The connection was lost after COMMIT was sent; the driver cannot know the outcome.',
    advice: 'Read what the transaction would have written before repeating it.',
  },
  IN_DOUBT: {
    retry: 'resolve',
    meaning: 'COMMIT was sent, its answer was lost, and the ledger could not be read to settle it.',
    advice: 'Run the same command again once the server is reachable: it asks the ledger first.',
  },
  TRANSACTION_MISUSED: {
    retry: 'never',
    meaning: 'Transaction blocks of one connection were used out of order; nothing is committed.',
    advice: 'Await each transaction() before the block around it ends; use a connection per task.',
  },
  COPY_STALLED: {
    retry: 'retry',
    meaning: 'One side of a COPY made no progress for longer than allowed; the COPY was ended.',
    advice: 'Look at the source and at the server (locks, network), or allow more time.',
  },
});
