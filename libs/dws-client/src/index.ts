// Where to connect
export { conninfoHasPassword, looksLikeConninfo, parseConninfo } from './conninfo/conninfo.ts';
export type { ConninfoContext, ConninfoObject } from './conninfo/conninfo.ts';
export { ConninfoError } from './conninfo/conninfo-error.ts';
export type { Environment } from './conninfo/environment.ts';
export { formatConninfo } from './conninfo/format.ts';
export type { ConnectionParameters, Keyword } from './conninfo/keywords.ts';
export { describeTarget } from './connect/hosts.ts';
export { Secret } from './secret.ts';

// Connections
export { connect } from './connect/connect.ts';
export type { ConnectOptions } from './connect/connect.ts';
export type { Lookup } from './connect/addresses.ts';
export type { ConnectStatus } from './connect/find-session.ts';
export type { ConnectPhase } from './connect/open-session.ts';
export type { CancelOptions, Connection } from './connection.ts';
export type { Protocol } from './wire/login-client.ts';
export { assertCan, capabilitiesOf, NotSupportedError } from './flavour/capabilities.ts';
export type { Capabilities, Capability, Server } from './flavour/capabilities.ts';
export { detectFlavour } from './flavour/detect-flavour.ts';
export type { Flavour, ServerKind } from './flavour/detect-flavour.ts';
export type { ConnectionStatus, TransactionStatus } from './session.ts';
export type { Notice, NoticeListener } from './notices.ts';
export type { ColumnType, QueryOptions, QueryResult, Row } from './queries.ts';
export type { StreamOptions } from './row-stream.ts';
export { OID } from './value-types.ts';
export type { Readers } from './value-types.ts';
export type { CopyInOptions, CopySource } from './copy-in.ts';
export type { CopySink } from './wire/copy-in-channel.ts';
export type { CopyOut, CopyOutOptions } from './copy-out.ts';
export { Pool } from './pool.ts';
export type { PoolOptions, PoolQueryOptions, PoolTransactionOptions } from './pool.ts';
export type { PoolMetrics } from './pool-metrics.ts';
export type { SessionReset } from './session-reset.ts';
export { openLibraryPool } from './library-pool.ts';
export type { LibraryPool, LibraryPoolOptions } from './library-pool.ts';
export { Rollback } from './transaction.ts';
export type {
  TransactionBlock,
  TransactionOptions,
  TransactionResult,
  TransactionWork,
} from './transaction.ts';

export { namingBlockers } from './lock-waits.ts';
export type { Onlooker } from './lock-waits.ts';

// Repeating what may be repeated
export { withRetry } from './retry.ts';
export type { RetryEvent, RetryPolicy } from './retry.ts';
export { retryVerdict } from './retry-rules.ts';
export type { RetryUnit, RetryVerdict } from './retry-rules.ts';

// SQL text and server errors
export { quoteIdentifier, quoteLiteral, quoteTable } from './identifiers.ts';
export { diagnosticsOf, sqlstateOf } from './server-errors.ts';
export type { ServerDiagnostics } from './server-errors.ts';

// Tables of our own, version by version
export { migrateSchema, migrationScript, schemaExists } from './schema-migrations.ts';
export type { SchemaMigrations } from './schema-migrations.ts';

// What a server can do, tried
export { examineServer } from './doctor/examine-server.ts';
export type { Examination, Finding } from './doctor/examine-server.ts';

// Interruption
export { abortReason, throwIfAborted, untilAborted } from './interruption.ts';
