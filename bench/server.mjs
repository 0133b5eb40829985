/** The PostgreSQL that is loaded into: our own, gone afterwards, the same for every tool. */
import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';

import { startTemporary } from '@copyline/embedded';
import pg from 'pg';

/** Where Debian and Ubuntu keep a server; the embedded PostgreSQL where there is none. */
const DEBIAN_BIN = '/usr/lib/postgresql/15/bin';

const SETTINGS = {
  // The disk is not what is compared; every tool gains alike.
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: totalmem() > 8e9 ? '2GB' : '512MB',
  // No checkpoint and no autovacuum in the middle of a run: whoever met one would look slow.
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
};

export async function startServer(settings = {}) {
  const debian = existsSync(path.join(DEBIAN_BIN, 'postgres'));
  const database = await startTemporary({
    ...(debian ? { binDirectory: DEBIAN_BIN } : {}),
    settings: { ...SETTINGS, ...settings },
  });
  const connection = new pg.Client({
    host: database.host,
    port: database.port,
    user: database.user,
    password: database.password,
    database: database.database,
  });
  await connection.connect();
  const { rows } = await connection.query('show server_version');
  return {
    version: rows[0].server_version,
    settings: { ...SETTINGS, ...settings },
    postmasterPid: Number(
      readFileSync(path.join(database.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0],
    ),
    /** Without the password: that is in `env`. */
    conninfo: `host=${database.host} port=${database.port} user=${database.user} dbname=${database.database} sslmode=disable`,
    /** The same as a URL. */
    url: `postgresql://${database.user}@${database.host}:${database.port}/${database.database}`,
    env: { PGPASSWORD: database.password },
    query: async (sql) => (await connection.query(sql)).rows,
    close: async () => {
      await connection.end();
      await database.close();
    },
  };
}

/** An empty table, and nothing left to write from the run before. */
export async function freshTable(server, table, createTableSql) {
  await server.query(`drop table if exists ${table}`);
  await server.query(createTableSql);
  await server.query('checkpoint');
}

export async function expectRows(server, table, expected) {
  const [{ count }] = await server.query(`select count(*)::int from ${table}`);
  if (count !== expected) throw new Error(`${table} has ${count} rows instead of ${expected}`);
}
