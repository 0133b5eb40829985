import { CopylineError, type ExtractSpec } from '@copyline/contracts';
import { quoteIdentifier, quoteTable } from '@copyline/dws-client';

/** A relation that an extract reads, as the catalogue has it. */
export interface SourceTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
  /** Whether policies decide which rows this role sees. */
  readonly rowSecurity: boolean;
}

/**
 * The SELECT of an extract. COPY gets a SELECT also where a table is wanted: of a bare table it
 * would leave out inheritance children and generated columns, and refuse views.
 *
 * @throws CopylineError `COLUMN_NOT_FOUND`
 */
export function selectStatement(from: ExtractSpec['from'], table: SourceTable | undefined): string {
  if ('query' in from) return withoutSemicolons(from.query);
  if (table === undefined) throw new CopylineError('INTERNAL', 'The table was not looked up');
  const { columns = table.columns, where } = from;
  const unknown = columns.filter((name) => !table.columns.includes(name));
  if (unknown.length > 0) {
    throw new CopylineError(
      'COLUMN_NOT_FOUND',
      `${table.schema}.${table.name} has no column ${unknown.join(', ')}`,
      { expected: `some of ${table.columns.join(', ')}` },
    );
  }
  const select = `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${quoteTable(table)}`;
  // On lines of its own: a comment at its end must not swallow the parenthesis.
  return where === undefined ? select : `${select} WHERE (\n${where}\n)`;
}

/** The same SELECT with some columns as the text that the server writes of them. */
export function castToText(
  select: string,
  columns: readonly { readonly name: string }[],
  isCast: readonly boolean[],
): string {
  // Names may occur twice; positions do not.
  const positions = columns.map((_, i) => `c${String(i + 1)}`);
  const expressions = columns.map(({ name }, i) => {
    const cast = isCast[i] === true ? '::text' : '';
    return `${positions[i] ?? ''}${cast} AS ${quoteIdentifier(name)}`;
  });
  return `SELECT ${expressions.join(', ')} FROM (\n${select}\n) AS extract (${positions.join(', ')})`;
}

/**
 * What the server is asked to learn the columns of a SELECT. With a parameter the statement goes by
 * the extended protocol, where the server refuses more than one statement before any of them runs.
 * What passes here is therefore one statement also inside the parentheses of COPY.
 */
export function describeStatement(select: string): string {
  return `SELECT * FROM (\n${select}\n) AS extract LIMIT $1`;
}

/** A query as people type it ends in a semicolon; inside of parentheses there is none. */
function withoutSemicolons(query: string): string {
  return query.replace(/[;\s]+$/, '');
}
