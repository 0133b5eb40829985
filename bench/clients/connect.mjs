import pg from 'pg';

/** Connects to a conninfo of `key=value` pairs; the password comes from PGPASSWORD. */
export async function connect(conninfo) {
  const parts = Object.fromEntries(conninfo.split(' ').map((pair) => pair.split('=')));
  const { host, port, user, dbname: database } = parts;
  const client = new pg.Client({ host, port: Number(port), user, database });
  await client.connect();
  return client;
}
