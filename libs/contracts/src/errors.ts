import { COMMAND_ERRORS } from './errors/command-errors.ts';
import { CONNECTION_ERRORS, SQL_ERRORS } from './errors/database-errors.ts';
import { EXTRACT_ERRORS } from './errors/extract-errors.ts';
import { EMBEDDED_ERRORS, PROCESS_ERRORS } from './errors/process-errors.ts';
import { SERVICE_ERRORS } from './errors/service-errors.ts';
import { PARQUET_ERRORS, SOURCE_ERRORS, RECORD_ERRORS } from './errors/source-errors.ts';
import { TARGET_ERRORS, LEDGER_ERRORS } from './errors/target-errors.ts';

export type { RetryClass } from './errors/error-definition.ts';

/**
 * The one table of errors. Every failure a user can meet has a code here, and the code decides what
 * a caller does next: the retry class drives retry wrappers and queues, the advice is printed.
 *
 * `docs/errors.md` is generated from it.
 */
export const ERRORS = {
  ...COMMAND_ERRORS,
  ...CONNECTION_ERRORS,
  ...SQL_ERRORS,
  ...SOURCE_ERRORS,
  ...RECORD_ERRORS,
  ...PARQUET_ERRORS,
  ...TARGET_ERRORS,
  ...LEDGER_ERRORS,
  ...EXTRACT_ERRORS,
  ...SERVICE_ERRORS,
  ...EMBEDDED_ERRORS,
  ...PROCESS_ERRORS,
};

export type ErrorCode = keyof typeof ERRORS;

/** The same table by what its codes are about. */
export const ERROR_GROUPS = {
  'the command and its configuration': COMMAND_ERRORS,
  'reaching the database': CONNECTION_ERRORS,
  SQL: SQL_ERRORS,
  'source files': SOURCE_ERRORS,
  'CSV records': RECORD_ERRORS,
  'Parquet files': PARQUET_ERRORS,
  target: TARGET_ERRORS,
  ledger: LEDGER_ERRORS,
  extracts: EXTRACT_ERRORS,
  'submitted loads and extracts': SERVICE_ERRORS,
  'the embedded database': EMBEDDED_ERRORS,
  'the process': PROCESS_ERRORS,
} as const;
