import { CopylineError, type CsvDialect } from '@copyline/contracts';
import { quoteLiteral } from '@copyline/dws-client';

/**
 * A line of this byte is no record, but keeps the count of lines. A record of nothing else is written
 * in quotes.
 */
export const PADDING = Buffer.of(0x1a);

const BACKSLASH_DOT = '\\.';

/** The characters of a dialect. */
export type DialectCharacters = Pick<CsvDialect, 'delimiter' | 'quote' | 'escape' | 'null'>;

/** A dialect as the scanner reads it: single bytes. */
export interface DialectBytes {
  readonly delimiter: number;
  readonly quote: number;
  readonly escape: number;
}

/**
 * The bytes of a dialect, after checking that no two of its characters can be confused.
 *
 * @throws CopylineError `CONFIG_INVALID`, naming every fault at once.
 */
export function dialectBytes(dialect: DialectCharacters): DialectBytes {
  const { delimiter, quote, null: nullMarker } = dialect;
  const escape = escapeOf(dialect);
  const faults: string[] = [];
  for (const [name, text] of Object.entries({ delimiter, quote, escape })) {
    if (text.length !== 1 || text > '\x7f') faults.push(`${name} must be one ASCII character`);
    else if (/[\n\r\0]/.test(text)) faults.push(`${name} must not be a line end or NUL`);
  }
  if (delimiter === quote) faults.push('delimiter and quote must differ');
  if (delimiter === escape) faults.push('delimiter and escape must differ');
  faults.push(...nullMarkerFaults(nullMarker, dialect));
  // A record `\.` must be quoted for older servers, and what is quoted is never NULL.
  if ([nullMarker, delimiter + nullMarker, nullMarker + delimiter].includes(BACKSLASH_DOT)) {
    faults.push('the NULL marker must not be \\. or, together with the delimiter, make it up');
  }
  if (faults.length > 0) {
    throw invalidDialect(faults);
  }
  return {
    delimiter: delimiter.charCodeAt(0),
    quote: quote.charCodeAt(0),
    escape: escape.charCodeAt(0),
  };
}

function invalidDialect(faults: readonly string[]): CopylineError {
  return new CopylineError('CONFIG_INVALID', `The CSV dialect is not valid: ${faults.join('; ')}`);
}

/** Why no unquoted field can be this text. */
export function nullMarkerFaults(text: string, { delimiter, quote }: DialectCharacters): string[] {
  const faults: string[] = [];
  if (text.includes(delimiter)) faults.push('the NULL marker must not hold the delimiter');
  if (text.includes(quote)) faults.push('the NULL marker must not hold the quote');
  if (/[\n\r\0]/.test(text)) faults.push('the NULL marker must not hold a line end or NUL');
  return faults;
}

/**
 * The dialect that the scanner reads: where a delimiter has several bytes, its first character stands
 * for it, or a control character for one that is not ASCII.
 */
export function scannedDialect(dialect: DialectCharacters): DialectCharacters {
  const { delimiter } = dialect;
  if (Buffer.byteLength(delimiter) <= 1) return dialect;
  const first = delimiter.charAt(0);
  return { ...dialect, delimiter: first > '\x7f' ? '\x1f' : first };
}

/** @throws CopylineError `CONFIG_INVALID`, naming every fault */
export function assertDialect(dialect: CsvDialect): void {
  const faults = wideDialectFaults(dialect);
  if (faults.length > 0) throw invalidDialect(faults);
  dialectBytes(scannedDialect(dialect));
}

/** What is wrong with what goes beyond the scanner's dialects. */
function wideDialectFaults({ delimiter, quote, comment }: CsvDialect): string[] {
  const faults: string[] = [];
  const judge = (name: string, text: string): void => {
    if (/[\n\r\0]/.test(text)) faults.push(`${name} must not hold a line end or NUL`);
    if (text.includes(quote)) faults.push(`${name} must not hold the quote`);
  };
  if (Buffer.byteLength(delimiter) > 1) judge('delimiter', delimiter);
  if (comment === undefined) return faults;
  judge('comment', comment);
  if (comment.startsWith(delimiter) || delimiter.startsWith(comment)) {
    faults.push('comment and delimiter must not begin alike');
  }
  return faults;
}

/** As in SQL's COPY: a quote is doubled unless another character is chosen. */
export function escapeOf({ quote, escape = quote }: DialectCharacters): string {
  return escape;
}

/** The options of COPY that make the server read the same dialect. */
export function copyOptions(dialect: DialectCharacters): string {
  const options = [
    'FORMAT csv',
    `DELIMITER ${quoteLiteral(dialect.delimiter)}`,
    `QUOTE ${quoteLiteral(dialect.quote)}`,
    `ESCAPE ${quoteLiteral(escapeOf(dialect))}`,
    `NULL ${quoteLiteral(dialect.null)}`,
    `ENCODING 'UTF8'`,
  ];
  return `(${options.join(', ')})`;
}
