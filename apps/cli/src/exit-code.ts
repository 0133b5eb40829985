import type { ErrorCode, LoadReport } from '@copyline/contracts';

/** What the process says to the shell. */
export const EXIT = {
  done: 0,
  /** Nothing is loaded; of several files, those that the report names are. */
  failed: 1,
  /** Usage or configuration; neither source nor target was read. */
  usage: 2,
  loadedWithRejects: 3,
  /** The outcome is unknown. */
  inDoubt: 4,
  /** Interrupted and rolled back. */
  interrupted: 130,
} as const;

const USAGE_CODES: readonly ErrorCode[] = [
  'USAGE',
  'CONFIG_INVALID',
  'PORT_IN_USE',
  'CONNINFO_INVALID',
  'REQUEST_INVALID',
  'CONNECTION_UNKNOWN',
  'SOURCE_FORBIDDEN',
  'SINK_FORBIDDEN',
  'UNAUTHENTICATED',
];

export function exitCodeOfError(code: ErrorCode): number {
  if (USAGE_CODES.includes(code)) return EXIT.usage;
  if (code === 'IN_DOUBT') return EXIT.inDoubt;
  return code === 'INTERRUPTED' ? EXIT.interrupted : EXIT.failed;
}

export function exitCodeOfReport(report: LoadReport): number {
  if (report.error !== null) return exitCodeOfError(report.error.code);
  return report.rowsRejected > 0 ? EXIT.loadedWithRejects : EXIT.done;
}
