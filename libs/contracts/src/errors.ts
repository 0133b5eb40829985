/* eslint-disable max-lines -- one table: half of it would be no table */
/**
 * The one table of errors. Every failure a user can meet has a code here, and the code decides what
 * a caller does next: the retry class drives retry wrappers and queues, the advice is printed.
 *
 * `docs/errors.md` is generated from this table.
 */

/**
 * What a repetition of the same work can achieve.
 *
 * - `never`: the same input fails again; something must be changed first.
 * - `retry`: a passing fault; the whole unit of work may be repeated.
 * - `busy`: somebody else holds the work; ask again later.
 * - `resolve`: the outcome is unknown; find out before anything is repeated.
 */
export type RetryClass = 'never' | 'retry' | 'busy' | 'resolve';

interface ErrorDefinition {
  readonly retry: RetryClass;
  /** One sentence: what the code means. */
  readonly meaning: string;
  /** One sentence: what the reader does next. */
  readonly advice: string;
}

const define = <const Table extends Record<string, ErrorDefinition>>(table: Table): Table => table;

export const ERRORS = define({
  // — the command and its configuration —
  USAGE: {
    retry: 'never',
    meaning: 'The command, a flag or an argument is not understood.',
    advice: 'See `copyline --help` or `copyline <command> --help`.',
  },
  CONFIG_INVALID: {
    retry: 'never',
    meaning: 'The configuration file or a load specification is not valid.',
    advice: 'Correct the settings named in the message; all faults are listed at once.',
  },
  CONNINFO_INVALID: {
    retry: 'never',
    meaning: 'The target is neither a connection named in copyline.yaml nor a valid conninfo.',
    advice: 'Write postgresql://user@host:5432/dbname, or host=… dbname=…, or a configured name.',
  },

  // — reaching the database —
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
  DATABASE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The server has no database of that name.',
    advice: 'Check the dbname of the target.',
  },
  CONNECTION_LOST: {
    retry: 'retry',
    meaning: 'The connection ended before the server had answered; the transaction is rolled back.',
    advice: 'Run the same command again; the ledger prevents a second copy.',
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

  // — SQL —
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

  // — source files —
  SOURCE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The source file does not exist.',
    advice: 'Check the path.',
  },
  SOURCE_UNREADABLE: {
    retry: 'never',
    meaning: 'The source file cannot be opened or read.',
    advice: 'Check the permissions of the file and of its folders.',
  },
  SOURCE_NOT_A_FILE: {
    retry: 'never',
    meaning: 'The source is a directory, a pipe or a device.',
    advice: 'Copyline loads regular files: only those can be checked again before COMMIT.',
  },
  SOURCE_CHANGED: {
    retry: 'retry',
    meaning: 'The source changed while it was read; the load was rolled back.',
    advice: 'Wait until the file is complete, then run the load again.',
  },
  EMPTY_SOURCE: {
    retry: 'never',
    meaning: 'The source has zero bytes.',
    advice: 'Check the delivery, or allow it with --allow-empty.',
  },
  NOT_CSV: {
    retry: 'never',
    meaning: 'The source is not a CSV file but something else.',
    advice: 'Unpack or convert it first.',
  },
  UNSUPPORTED_ENCODING: {
    retry: 'never',
    meaning: 'The source is not in UTF-8.',
    advice: 'Convert it, for example with `iconv -t UTF-8`.',
  },

  // — CSV records —
  INVALID_UTF8: {
    retry: 'never',
    meaning: 'Bytes that are not valid UTF-8.',
    advice: 'Convert the file, for example with `iconv -f CP1252 -t UTF-8`.',
  },
  NUL_BYTE: {
    retry: 'never',
    meaning: 'A NUL byte, which PostgreSQL cannot store in text.',
    advice: 'Remove the byte; if there are many, the file may be UTF-16.',
  },
  UNCLOSED_QUOTE: {
    retry: 'never',
    meaning: 'A quoted field is still open at the end of the file.',
    advice: 'Close the quote that the message points at.',
  },
  TEXT_AFTER_QUOTE: {
    retry: 'never',
    meaning: 'Text between a closing quote and the next delimiter.',
    advice: 'Double the quotes inside a quoted field, or set --escape.',
  },
  QUOTE_IN_FIELD: {
    retry: 'never',
    meaning: 'A quote inside a field that does not begin with one.',
    advice: 'Quote the whole field and double the quotes inside, or set --quote.',
  },
  STRAY_LINE_END: {
    retry: 'never',
    meaning: 'A lone carriage return, or a line end unlike those of the rest of the file.',
    advice: 'Quote the field that holds it, or convert the line ends.',
  },
  FIELD_COUNT: {
    retry: 'never',
    meaning: 'A record has more or fewer fields than expected.',
    advice: 'Look for an unquoted delimiter or line end, or set --delimiter.',
  },
  RECORD_TOO_LARGE: {
    retry: 'never',
    meaning: 'A record is larger than the limit; often a quote that is never closed.',
    advice: 'Check the quote that the message points at, or raise --max-record-size.',
  },
  HEADER_INVALID: {
    retry: 'never',
    meaning: 'The header has an empty, doubled or too long name.',
    advice: 'Correct the header, or name the columns with --columns.',
  },
  HEADER_MISMATCH: {
    retry: 'never',
    meaning: 'The header of the file and the columns of the table disagree.',
    advice: 'Rename the columns, or give the fields’ columns by position with --columns.',
  },

  // — target —
  TABLE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The target table does not exist.',
    advice: 'Check the name, or let Copyline create the table with --create.',
  },
  TABLE_UNSUITABLE: {
    retry: 'never',
    meaning: 'The target cannot be filled by COPY.',
    advice: 'Load into a table.',
  },
  LANE_UNSUITABLE: {
    retry: 'never',
    meaning: 'The lane that was asked for cannot take this load; the message says why.',
    advice: 'Leave --lane out: the fastest lane that can take the load is chosen.',
  },
  COLUMN_NOT_FOUND: {
    retry: 'never',
    meaning: 'A column named with --columns does not exist in the target.',
    advice: 'Check the spelling; the message lists the columns of the table.',
  },
  TABLE_CHANGED: {
    retry: 'retry',
    meaning: 'The target was created or replaced by somebody else while the load was starting.',
    advice: 'Run the load again.',
  },
  VALUE_REFUSED: {
    retry: 'never',
    meaning: 'A value is not of its column’s type, to the server or already on the way to it.',
    advice: 'Correct the value at the place named, or change the type of the column.',
  },
  CONSTRAINT_VIOLATED: {
    retry: 'never',
    meaning: 'A row violates a constraint of the target.',
    advice: 'Correct the row at the place named.',
  },
  COUNT_MISMATCH: {
    retry: 'never',
    meaning:
      'The server stored another number of rows than the file has; the load was rolled back.',
    advice: 'Look for rules or triggers on the target; this should never happen otherwise.',
  },

  // — ledger —
  LEDGER_UNAVAILABLE: {
    retry: 'never',
    meaning: 'The ledger cannot be created or used in the target database.',
    advice:
      'Ask a DBA to run the output of `copyline init --print-sql`, or load with --ledger none (then a repeated load stores the rows again).',
  },
  LEDGER_NEWER: {
    retry: 'never',
    meaning: 'The ledger was made by a newer Copyline.',
    advice: 'Upgrade this Copyline.',
  },
  LOAD_BUSY: {
    retry: 'busy',
    meaning: 'Another process is loading the same source into the same table.',
    advice: 'Wait for it to end; `copyline history` shows it.',
  },
  LOAD_SUPERSEDED: {
    retry: 'retry',
    meaning: 'A newer run of the same load took over; this one was rolled back.',
    advice: 'Nothing to do; run the command again to see the outcome.',
  },
  ALREADY_LOADED_DIFFERENTLY: {
    retry: 'never',
    meaning: 'The same content is loaded already, but was read with other settings.',
    advice: 'Compare with `copyline show <load>`; load it again on purpose with --force.',
  },
  LOAD_NOT_FOUND: {
    retry: 'never',
    meaning: 'The ledger has no load of that id.',
    advice: 'List the loads with `copyline history`.',
  },

  // — extracts —
  QUERY_INVALID: {
    retry: 'never',
    meaning: 'What is to be extracted is not one statement that reads.',
    advice: 'Give one SELECT, VALUES, TABLE or WITH; it runs in a read-only transaction.',
  },
  SINK_EXISTS: {
    retry: 'never',
    meaning: 'A file that the extract would write exists.',
    advice: 'Choose another name, or replace it with --overwrite.',
  },
  SINK_UNWRITABLE: {
    retry: 'never',
    meaning: 'The file cannot be written where it is wanted.',
    advice: 'Check that the folder exists and may be written to, and that the name is free.',
  },
  SINK_ENOSPC: {
    retry: 'never',
    meaning: 'The disk or the quota is full; nothing is published.',
    advice: 'Free space, or write elsewhere, then run the same command again.',
  },
  SINK_FAILED: {
    retry: 'retry',
    meaning: 'Writing, flushing or renaming a file failed; nothing is published.',
    advice: 'Look at the file system, then run the same command again.',
  },
  SINK_CLOSED: {
    retry: 'never',
    meaning: 'Whoever read the output has gone.',
    advice: 'If that was not on purpose, look at the program behind the pipe.',
  },
  TIME_LIMIT: {
    retry: 'never',
    meaning: 'The work took longer than it was allowed to; it was rolled back.',
    advice: 'Allow more time with --max-duration, or look for what is slow.',
  },
  MANIFEST_INVALID: {
    retry: 'never',
    meaning: 'The manifest is missing, cannot be read, or is not one.',
    advice: 'Give the path of the .manifest.json that the extract has written.',
  },
  MANIFEST_MISMATCH: {
    retry: 'never',
    meaning: 'The files are not those that the manifest speaks of.',
    advice: 'Run the extract again; do not use the files.',
  },

  // — submitted loads —
  REQUEST_INVALID: {
    retry: 'never',
    meaning: 'The request is not valid.',
    advice: 'Correct the fields named; all faults are listed at once.',
  },
  REQUEST_TOO_LARGE: {
    retry: 'never',
    meaning: 'The body of the request is larger than any submission needs to be.',
    advice: 'Send the description of the load; its data is read from the source.',
  },
  NOT_FOUND: {
    retry: 'never',
    meaning: 'There is nothing at this address.',
    advice: 'See the description of the API at /api/v1/openapi.json.',
  },
  UNAUTHENTICATED: {
    retry: 'never',
    meaning: 'The request has no access token, or a wrong one.',
    advice:
      'Send `Authorization: Bearer <token>`; the first start has written the token to a file that only its owner can read.',
  },
  CONNECTION_UNKNOWN: {
    retry: 'never',
    meaning: 'The load names a connection that is not configured.',
    advice: 'Name a connection of copyline.yaml; a conninfo is never accepted here.',
  },
  SOURCE_FORBIDDEN: {
    retry: 'never',
    meaning: 'The source is not below a configured root.',
    advice: 'Write root:path with a root of copyline.yaml; links may not lead out of it.',
  },
  SOURCE_NOT_VISIBLE: {
    retry: 'never',
    meaning: 'The worker that ran the load cannot see the root of the source.',
    advice: 'Mount the folder on every worker, or configure the root there.',
  },
  IDEMPOTENCY_CONFLICT: {
    retry: 'never',
    meaning: 'The Idempotency-Key was used before for another load.',
    advice: 'Use a new key for a new load.',
  },
  JOB_NOT_FOUND: {
    retry: 'never',
    meaning: 'There is no job of that id.',
    advice: 'List the jobs with `copyline jobs`.',
  },
  JOB_FINISHED: {
    retry: 'never',
    meaning: 'The job has ended already and cannot be cancelled.',
    advice: 'Look at its outcome with `copyline jobs <id>`.',
  },
  JOB_CANCELLED: {
    retry: 'never',
    meaning: 'The job was cancelled; nothing is loaded.',
    advice: 'Submit it again if it was a mistake.',
  },
  SCHEDULE_NOT_FOUND: {
    retry: 'never',
    meaning: 'There is no schedule of that name.',
    advice: 'List the schedules with GET /api/v1/schedules.',
  },
  QUEUE_UNAVAILABLE: {
    retry: 'retry',
    meaning: 'The queue cannot be reached or does not accept jobs; nothing was submitted.',
    advice: 'Try again; with an Idempotency-Key a repetition is never a second load.',
  },
  QUEUE_UNSAFE: {
    retry: 'never',
    meaning: 'The Redis server may throw jobs away when its memory is full.',
    advice: 'Set `maxmemory-policy noeviction` on it.',
  },
  WORKER_LOST: {
    retry: 'never',
    meaning: 'The workers that ran the load died again and again, for example for lack of memory.',
    advice: 'Look into the log of the worker; load the file by hand to see what happens.',
  },
  CONTROL_UNAVAILABLE: {
    retry: 'retry',
    meaning: 'The control database cannot be used.',
    advice: 'Check that its server runs and that the role may create a schema there.',
  },
  CONTROL_NEWER: {
    retry: 'never',
    meaning: 'The control database was made by a newer Copyline.',
    advice: 'Upgrade this Copyline.',
  },
  SERVICE_UNREACHABLE: {
    retry: 'retry',
    meaning: 'The scheduler does not answer.',
    advice: 'Start it with `copyline up`, or set COPYLINE_SERVER to its address.',
  },

  PORT_IN_USE: {
    retry: 'never',
    meaning: 'The port that is to be listened on is taken.',
    advice: 'Stop the program that uses it, or choose another port.',
  },
  SERVICE_FAILED: {
    retry: 'never',
    meaning: 'The scheduler or the worker did not start, or ended by itself.',
    advice: 'Read what it has printed; no load is lost.',
  },

  // — the embedded database —
  EMBEDDED_UNAVAILABLE: {
    retry: 'never',
    meaning: 'There is no embedded PostgreSQL for this platform, or its files are incomplete.',
    advice: 'Run `npm ci` again with install scripts allowed, or give a --target of your own.',
  },
  EMBEDDED_START_FAILED: {
    retry: 'never',
    meaning: 'The embedded PostgreSQL did not start.',
    advice: 'Read the server’s own words in the message and in the log it names.',
  },

  // — the process —
  INTERRUPTED: {
    retry: 'retry',
    meaning: 'The work was interrupted and rolled back.',
    advice: 'Run the same command again.',
  },
  INTERNAL: {
    retry: 'never',
    meaning: 'An error inside Copyline.',
    advice: 'Please report it, with the output of the same command under --verbose.',
  },
});

export type ErrorCode = keyof typeof ERRORS;
