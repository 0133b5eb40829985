import { CopylineError } from '@copyline/contracts';

/** A table as the user names it; without a schema the server's search_path decides. */
export interface TableName {
  readonly schema: string | undefined;
  readonly name: string;
}

/** PostgreSQL's NAMEDATALEN - 1. Longer identifiers would be cut off silently. */
export const MAX_IDENTIFIER_BYTES = 63;

/**
 * Reads `table`, `schema.table` or `"Quoted Schema"."table"` with SQL's rules: what is not quoted
 * folds to lower case.
 *
 * @throws CopylineError `CONFIG_INVALID`
 */
export function parseTableName(text: string): TableName {
  const parts = [...text.matchAll(/("(?:[^"]|"")+"|[^."\s]+)(?:\.(?=.)|$)/gy)];
  const read = parts.map((part) => part[0]).join('');
  const names = parts.map((part) => unquote(part[1] ?? ''));
  const [first = '', second] = names;
  const tooLong = names.some((name) => Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES);
  if (read !== text || names.length === 0 || names.length > 2 || tooLong || text.includes('\0')) {
    throw new CopylineError('CONFIG_INVALID', 'The name of the target table is not valid', {
      expected: 'table, schema.table or "Any Name"."table", each part at most 63 bytes',
    });
  }
  return second === undefined
    ? { schema: undefined, name: first }
    : { schema: first, name: second };
}

function unquote(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : foldCase(part);
}

/** As the server does it in UTF-8: only ASCII letters have a lower case. */
function foldCase(part: string): string {
  return part.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
