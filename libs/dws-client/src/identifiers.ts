import pg from 'pg';

/** Quotes an identifier for SQL text. Identifiers cannot be parameters. */
export function quoteIdentifier(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Quotes a string for SQL text; for statements, such as COPY, that take no parameters. */
export function quoteLiteral(text: string): string {
  return pg.escapeLiteral(text);
}

/** A table's name with its schema, quoted. */
export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}
