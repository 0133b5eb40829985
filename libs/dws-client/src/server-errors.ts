import { CopylineError, type ErrorCode, type ErrorPhase } from '@copyline/contracts';
import pg from 'pg';

/**
 * SQLSTATE → code. A key of five characters is that state, of two its whole class; the longer one
 * wins. Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes".
 */
const CODE_OF_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  '08': 'CONNECTION_LOST',
  '22': 'VALUE_REFUSED',
  '23': 'CONSTRAINT_VIOLATED',
  '25P03': 'CONNECTION_LOST', // idle_in_transaction_session_timeout
  '25P04': 'CONNECTION_LOST', // transaction_timeout
  '28': 'AUTH_FAILED',
  '3D': 'DATABASE_NOT_FOUND',
  '40': 'SQL_TRANSIENT',
  '42501': 'PERMISSION_DENIED',
  '53': 'SQL_TRANSIENT',
  '53100': 'DISK_FULL',
  '55P03': 'SQL_TRANSIENT', // lock_not_available
  '57014': 'STATEMENT_CANCELLED',
  '57P': 'CONNECTION_LOST', // shutdowns and terminated backends
  // Of GaussDB(DWS), between its nodes; the session with the coordinator goes on. Source: its
  // documentation, "Automatic Retry".
  YY: 'SQL_TRANSIENT',
  XX003: 'SQL_TRANSIENT',
  XX009: 'SQL_TRANSIENT',
  CG003: 'SQL_TRANSIENT',
  CG004: 'SQL_TRANSIENT',
  F0011: 'SQL_TRANSIENT',
  F0012: 'SQL_TRANSIENT',
  '42P30': 'SQL_TRANSIENT',
  '45003': 'SQL_TRANSIENT',
};

/** Client-side failures that node-postgres and Node report without a SQLSTATE. */
const CONNECTION_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** The longest part of a server message that is kept: it may quote a value of any size. */
const MESSAGE_LIMIT = 300;

/** The SQLSTATE of a server error, `undefined` for anything else. */
export function sqlstateOf(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code;
  if (error instanceof CopylineError) return error.sqlstate;
  return undefined;
}

/**
 * Whether an answer of the server proves that the statement had no effect. 40003 and 08007 say that
 * the server itself does not know, and class 08 is a pooler's word for a server that it lost. A
 * backend that is terminated while it waits for a synchronous standby answers 57P01 although it has
 * committed: an answer that ends the session proves nothing.
 */
export function provesNoEffect(error: unknown): boolean {
  const sqlstate = sqlstateOf(error);
  return sqlstate !== undefined && !/^(40003|08|57P)/.test(sqlstate);
}

/**
 * What a server error says, every field that the protocol has; the values of rows may be in some.
 * Source: PostgreSQL documentation, "Error and Notice Message Fields".
 */
export interface ServerDiagnostics {
  /** Translated by the server, as are message, detail, hint and context. */
  readonly severity: string | undefined;
  /** Five characters. */
  readonly sqlstate: string | undefined;
  /** One line; may quote a value. */
  readonly message: string;
  /** More about it; quotes whole rows. */
  readonly detail: string | undefined;
  /** What the server advises. */
  readonly hint: string | undefined;
  /** Place in the statement, in characters from 1. */
  readonly position: number | undefined;
  /** Place in `internalQuery`, in characters from 1. */
  readonly internalPosition: number | undefined;
  /** The statement that a function of the server ran when it failed. */
  readonly internalQuery: string | undefined;
  /** Call stack and place: for COPY the line of its input. */
  readonly context: string | undefined;
  /** Schema of the table or type that the error is about. */
  readonly schema: string | undefined;
  /** Table that it is about. */
  readonly table: string | undefined;
  /** Column of that table. */
  readonly column: string | undefined;
  /** Type that it is about. */
  readonly dataType: string | undefined;
  /** Constraint that was violated. */
  readonly constraint: string | undefined;
  /** Where in the server's own source. */
  readonly file: string | undefined;
  /** Line of that file. */
  readonly line: number | undefined;
  /** Function in that file. */
  readonly routine: string | undefined;
}

/** The diagnostics of the server error that an error is, or was caused by. */
export function diagnosticsOf(error: unknown): ServerDiagnostics | undefined {
  const server = error instanceof CopylineError ? error.cause : error;
  if (!(server instanceof pg.DatabaseError)) return undefined;
  const { severity, message, detail, hint, internalQuery, schema, table, column, dataType } =
    server;
  return {
    ...{ severity, sqlstate: server.code, message, detail, hint },
    position: numberOf(server.position),
    internalPosition: numberOf(server.internalPosition),
    ...{ internalQuery, context: server.where, schema, table, column, dataType },
    constraint: server.constraint,
    file: server.file,
    line: numberOf(server.line),
    routine: server.routine,
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** The fields of a server error that quote rows or values. */
const TELLING_FIELDS = ['detail', 'where', 'internalQuery'] as const;

/** How messages quote a value, in whichever language the server speaks. */
const QUOTES = ['""', "''", '«»', '»«', '„“', '“”', '‘’'] as const;

/**
 * Takes out of a server error what must not be printed with it: DETAIL and CONTEXT quote rows, and
 * are left to who asks for them by name; a bind value in the message becomes its number.
 */
export function keepValuesOut(error: unknown, values: readonly unknown[] = []): void {
  if (!(error instanceof pg.DatabaseError)) return;
  for (const field of TELLING_FIELDS) {
    if (error[field] !== undefined) Object.defineProperty(error, field, { enumerable: false });
  }
  values.forEach((value, i) => {
    if (!['string', 'number', 'bigint'].includes(typeof value) || value === '') return;
    // Plain text, not a pattern: a value may have any size.
    const hide = (from: string): string =>
      QUOTES.reduce(
        (kept, [open, close]) =>
          kept.replaceAll(`${open}${String(value)}${close}`, () => `$${String(i + 1)}`),
        from,
      );
    error.message = hide(error.message);
    if (error.stack !== undefined) error.stack = hide(error.stack);
  });
}

/**
 * A failure of a statement or of the connection as a {@link CopylineError}. DETAIL, which quotes
 * whole rows, stays in the cause and out of the message.
 */
export function fromServerError(error: unknown, phase: ErrorPhase = 'query'): CopylineError {
  if (error instanceof CopylineError) return error;
  if (error instanceof pg.DatabaseError) {
    keepValuesOut(error);
    const sqlstate = error.code ?? '';
    const code =
      CODE_OF_SQLSTATE[sqlstate] ??
      CODE_OF_SQLSTATE[sqlstate.slice(0, 3)] ??
      CODE_OF_SQLSTATE[sqlstate.slice(0, 2)] ??
      'SQL_FAILED';
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    return new CopylineError(code, shorten(`${error.message}${hint}`), {
      ...{ cause: error, sqlstate, phase },
    });
  }
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) {
    // A parameter that cannot be sent or a value that cannot be read: the line is fine.
    return new CopylineError('INTERNAL', shorten(error.message), { cause: error, phase });
  }
  return new CopylineError('CONNECTION_LOST', `The connection ended: ${reasonOf(error)}`, {
    ...{ cause: error, phase },
  });
}

/** What somebody may be told of a failure that the server has no part in. */
export function reasonOf(error: unknown): string {
  // Node joins the attempts at several addresses of one name in an AggregateError without a message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return String(first);
  const errno = 'code' in first && typeof first.code === 'string' ? first.code : '';
  if (/^timeout expired$|due to connection timeout$/.test(first.message))
    return 'no answer in time';
  return CONNECTION_ERRNOS.has(errno) && !first.message.includes(errno)
    ? `${errno} ${first.message}`
    : first.message;
}

/** The beginning of a message that may quote a value of any size. */
export function shorten(text: string): string {
  if (text.length <= MESSAGE_LIMIT) return text;
  // Never half of a surrogate pair.
  return `${text.slice(0, MESSAGE_LIMIT).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
