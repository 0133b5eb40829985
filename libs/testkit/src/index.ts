// Servers
export {
  anyPostgres,
  anyServer,
  dwsFace,
  postgres18,
  postgresServers,
  type TestServer,
  type TestServerFacts,
  testServers,
  testServersAndFace,
} from './servers/test-server.ts';
export {
  type PrivateRedis,
  type RedisServer,
  redisServer,
  startRedis,
  type TestRedis,
  useRedis,
} from './servers/redis-server.ts';
export type { RedisOptions } from './servers/redis-process.ts';
export {
  type RestartablePostgres,
  type ShutdownMode,
  type Standby,
  startPostgres,
} from './servers/restartable-postgres.ts';

// One isolated place per test, and what must be true of it afterwards
export { rowsExactlyOnce } from './databases/exactly-once.ts';
export { loginRole } from './databases/login-role.ts';
export { openClient, type Row } from './databases/sql-client.ts';
export type { TestDatabase } from './databases/test-database.ts';
export { useOwnDatabase, useTestDatabase } from './databases/use-database.ts';

// Waiting and parking
export { copyProgress, type CopyProgress } from './parking/copy-progress.ts';
export { commitGate, type Gate, type GateOptions, openGate, openReadGate } from './parking/gate.ts';
export { Signal, waitFor, type WaitOptions, within } from './waiting.ts';

// Generated data
export { csvBlocks, csvColumnNames, type CsvOptions } from './csv/csv-blocks.ts';
export type { CsvShape } from './csv/csv-shapes.ts';
export { markedBytes, rawByte } from './csv/marked-bytes.ts';
export { createTableSql, writeCsv, type WrittenCsv } from './csv/write-csv.ts';

// Faults on the wire
export { type FaultProxy, startFaultProxy } from './proxy/fault-proxy.ts';
export type { FaultHandle, SqlMatch } from './proxy/fault-rules.ts';
export type { Direction } from './proxy/wire-frames.ts';
export type { InjectedError } from './proxy/wire-messages.ts';

// A PostgreSQL that looks like a GaussDB(DWS)
export { CN_ERRORS, type Coordinator, type DwsFace, type FaceOptions } from './face/dws-face.ts';
export type { FaceRole, StoredAs } from './face/gauss-keys.ts';
export { realPid } from './face/gauss-sql.ts';
export { startDwsFace } from './face/start-dws-face.ts';

// Processes
export {
  type ProcessExit,
  type ProcessOptions,
  runProcess,
  type RunningProcess,
} from './run-process.ts';

// A browser
export { hasBrowser, openBrowser } from './browser.ts';
