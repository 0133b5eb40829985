// Where to connect
export {
  conninfoHasPassword,
  describeTarget,
  looksLikeConninfo,
  parseConninfo,
} from './conninfo.ts';
export type { ConnectionParameters, SslMode } from './conninfo.ts';
export { Secret } from './secret.ts';

// Connections
export { connect } from './connect.ts';
export type { ConnectOptions } from './connect.ts';
export type { Connection, QueryResult, TransactionStatus } from './connection.ts';
export type { CopySink } from './copy-in.ts';
export { Pool } from './pool.ts';
export type { PoolOptions } from './pool.ts';
export type { TransactionOptions } from './transaction.ts';
export { openLibraryPool } from './library-pool.ts';
export type { LibraryPool, LibraryPoolOptions } from './library-pool.ts';

// SQL text and server errors
export { quoteIdentifier, quoteLiteral, quoteTable } from './identifiers.ts';
export { diagnosticsOf, sqlstateOf } from './server-errors.ts';
export type { ServerDiagnostics } from './server-errors.ts';

// Tables of our own, version by version
export { migrateSchema, migrationScript, schemaExists } from './schema-migrations.ts';
export type { SchemaMigrations } from './schema-migrations.ts';

// Interruption
export { abortReason, throwIfAborted } from './interruption.ts';
