import { CopylineError } from '@copyline/contracts';

/** What a conninfo is told that cannot be read or followed. The message is libpq's wherever it has one. */
export class ConninfoError extends CopylineError {
  constructor(
    message: string,
    { advice, cause }: { readonly advice?: string; readonly cause?: unknown } = {},
  ) {
    super('CONNINFO_INVALID', message, {
      expected: 'postgresql://user@host:5432/dbname or host=… port=… dbname=… user=…',
      ...(advice === undefined ? {} : { advice }),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/**
 * Repeats a part of a conninfo as libpq does, unless it may be a password: a slip of the hand puts one
 * anywhere, so nothing is repeated of a text that has an `@` or speaks of a password.
 */
export function quoted(part: string, conninfo: string): string {
  return /@|pass|pwd/i.test(conninfo) ? '"***"' : `"${part}"`;
}
