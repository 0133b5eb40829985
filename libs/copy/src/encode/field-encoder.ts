/** The server shall decide: `encode` does not know the spelling, or it depends on something else. */
export const ASK = -1;
/** Provably not a value of the type on this version of the server. */
export const REFUSE = -2;

/** Makes COPY BINARY of the fields of one column. */
export interface FieldEncoder {
  /**
   * Writes the field's COPY BINARY form to `out` from `at`: an int32 length in network order, then
   * the value. `bytes[start…end)` is the field's content, quotes and escapes resolved, valid UTF-8
   * without NUL (the scanner has checked). The caller has made sure of `encodedRoom(end - start)`
   * bytes; what stands there after ASK or REFUSE is of no account.
   *
   * @returns the position after it, or ASK, or REFUSE
   */
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number;
  /**
   * Why `encode` answered REFUSE for this field: SQLSTATE and the server's own words. They quote the
   * whole field, however long it is.
   */
  refusal(field: string): Refusal;
}

export interface Refusal {
  readonly sqlstate: string;
  readonly reason: string;
}

/** Of one-byte fields: a timestamp takes 12 bytes, a numeric up to 16 before it grows. */
const LEAST_ROOM = 32;

/** Bytes that any encoder may write for a field of so many bytes. */
export function encodedRoom(length: number): number {
  return length + LEAST_ROOM;
}

/** What the catalogue says of a column, or of the base type of its domain. */
export interface ValueType {
  /** `pg_type.typname` of the base type when it is in pg_catalog, e.g. `int4`; an enum's own name. */
  readonly name: string;
  readonly kind: 'base' | 'enum' | 'other';
  /** `atttypmod`; -1 for none. Of the column, or of its domain when the column has none. */
  readonly typmod: number;
  readonly enumLabels?: readonly string[];
}

/** What values mean in the session that copies. The server's encoding must be UTF8. */
export interface EncoderSession {
  /** `server_version_num`. */
  readonly serverVersion: number;
  readonly dateStyle: string;
  readonly timeZone: string;
  readonly intervalStyle?: string;
  readonly integerDatetimes?: boolean;
}

/** Longest field that is looked at as text, by a pattern; any longer one is asked. */
export const SLOW_BYTES = 1000;

/** The refusal of a spelling that a type does not have. */
export function invalidSyntax(type: string, field: string): Refusal {
  return { sqlstate: '22P02', reason: `invalid input syntax for type ${type}: "${field}"` };
}
