import pg from 'pg';

export type Row = Record<string, unknown>;

/** The name every session of the test kit carries, so that no check takes it for the product. */
const APPLICATION_NAME = 'testkit';

/**
 * How values come back. Tests compare what the server holds, so nothing is converted with a loss:
 * int8 is a `bigint`, dates, times and intervals are the server's text, numeric is text (plain pg
 * would make a `Date` without microseconds and an object of an interval). Booleans, small
 * integers, floats, json and arrays are what plain pg makes of them.
 */
const types = {
  getTypeParser: (oid: number): ((text: string) => unknown) => {
    if (oid === pg.types.builtins.INT8) return (text) => BigInt(text);
    if (AS_SERVER_TEXT.has(oid)) return (text) => text;
    return pg.types.getTypeParser(oid) as (text: string) => unknown;
  },
};

const AS_SERVER_TEXT = new Set<number>([
  pg.types.builtins.DATE,
  pg.types.builtins.TIMESTAMP,
  pg.types.builtins.TIMESTAMPTZ,
  pg.types.builtins.INTERVAL,
]);

/** A connected plain pg client. It survives its backend being killed: the next query fails. */
export async function openClient(url: string, searchPath?: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION_NAME,
    types,
    connectionTimeoutMillis: 10_000,
  });
  // Without a listener a terminated backend is an uncaught exception of the whole test file.
  client.on('error', () => undefined);
  await client.connect();
  if (searchPath !== undefined) {
    await client.query(`set search_path to ${pg.escapeIdentifier(searchPath)}`);
  }
  return client;
}

/** Runs one statement and returns its rows as objects. */
export async function rowsOf<R extends Row>(
  client: pg.Client,
  text: string,
  parameters?: readonly unknown[],
): Promise<R[]> {
  const result = await client.query<R>(text, parameters && [...parameters]);
  return result.rows;
}
