import type { Frame } from './wire-frames.ts';

/** The fields of an ErrorResponse a test chooses. */
export interface InjectedError {
  readonly sqlstate: string;
  readonly message: string;
  /** ERROR unless told. FATAL and PANIC also end the connection, as they do in a server. */
  readonly severity?: 'ERROR' | 'FATAL' | 'PANIC';
}

/** The SQL of a simple Query. */
export function queryText({ bytes }: Frame): string {
  return cString(bytes, 5).text;
}

/** The statement's name ('' for the unnamed one) and the SQL of a Parse. */
export function parseText({ bytes }: Frame): { statement: string; sql: string } {
  const name = cString(bytes, 5);
  return { statement: name.text, sql: cString(bytes, name.end).text };
}

/** The name of the prepared statement a Bind makes a portal of. */
export function boundStatement({ bytes }: Frame): string {
  return cString(bytes, cString(bytes, 5).end).text;
}

/** The same Query or Parse with other SQL; parameter types of a Parse are kept. */
export function withSql(frame: Frame, sql: string): Buffer {
  if (frame.type === 'Q') return message('Q', zeroTerminated(sql));
  const { statement } = parseText(frame);
  const afterName = cString(frame.bytes, 5).end;
  const parameterTypes = frame.bytes.subarray(cString(frame.bytes, afterName).end);
  return message('P', zeroTerminated(statement), zeroTerminated(sql), parameterTypes);
}

export function parse(sql: string): Buffer {
  return message('P', zeroTerminated(''), zeroTerminated(sql), Buffer.alloc(2));
}

export function commandComplete(tag: string): Buffer {
  return message('C', zeroTerminated(tag));
}

export function errorResponse({ sqlstate, message: text, severity }: InjectedError): Buffer {
  const level = severity ?? 'ERROR';
  const fields = [`S${level}`, `V${level}`, `C${sqlstate}`, `M${text}`].map(zeroTerminated);
  return message('E', ...fields, Buffer.alloc(1));
}

export function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function zeroTerminated(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function cString(bytes: Buffer, start: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, start);
  return { text: bytes.toString('utf8', start, zero), end: zero + 1 };
}
