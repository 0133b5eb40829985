import { CopylineError, reportError, type LoadReport } from '@copyline/contracts';

import type { LoadOutcome } from '../run-load.ts';

/** A failure before the first load. */
export function refusedTogether(
  source: string,
  target: { readonly into: string; readonly database: string },
  error: CopylineError,
): LoadOutcome {
  const { into: table, database } = target;
  const report: LoadReport = {
    ...together(source, []),
    status: error.code === 'INTERRUPTED' ? 'interrupted' : 'failed',
    target: { database, table, created: false },
    error: reportError(error),
  };
  return { report, error };
}

/**
 * A failure after some files: which are loaded belongs to what is said first.
 *
 * @param loads the reports of all loads that there were
 * @param failed the one of them that failed, or what it loaded was not what it should have been
 * @param total how many files there are
 */
export function stoppedTogether(
  source: string,
  total: number,
  loads: readonly LoadReport[],
  failed: LoadReport,
  cause: CopylineError,
): LoadOutcome {
  const { code, sqlstate, commitState, advice, place, message } = cause;
  const loaded = loads.filter((load) => load.status === 'loaded').length;
  const count = `${String(loaded)} of ${String(total)} files`;
  const error = new CopylineError(code, `${count} are loaded; then: ${message}`, {
    ...{ cause, commitState, ...place, located: cause.located },
    advice: loaded === 0 ? advice : `${advice} Then load all again: those are skipped.`,
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
  const all = together(source, loads);
  const status = failed.status === 'loaded' ? 'failed' : failed.status;
  return { report: { ...all, status, error: reportError(error) }, error };
}

/** The reports of loads into one table as one. */
export function together(source: string, loads: readonly LoadReport[]): LoadReport {
  const last = loads.at(-1);
  const add = (of: (report: LoadReport) => number): number =>
    loads.reduce((sum, report) => sum + of(report), 0);
  const phases: Record<string, number> = {};
  for (const load of loads) {
    for (const [name, ms] of Object.entries(load.phases)) phases[name] = (phases[name] ?? 0) + ms;
  }
  const warnings = loads.flatMap((load) => load.warnings);
  return {
    loadId: last?.loadId ?? null,
    status: 'loaded',
    guarantee: loads.every(({ guarantee }) => guarantee === 'exactly-once')
      ? 'exactly-once'
      : 'at-least-once',
    target: {
      database: last?.target.database ?? null,
      table: last?.target.table ?? null,
      created: loads.some(({ target }) => target.created),
    },
    source,
    files: loads.flatMap(({ files }) => files),
    rowsParsed: add(({ rowsParsed }) => rowsParsed),
    rowsLoaded: add(({ rowsLoaded }) => rowsLoaded),
    rowsRejected: add(({ rowsRejected }) => rowsRejected),
    rowsSkipped: add(({ rowsSkipped }) => rowsSkipped),
    rowsSuppressed: add(({ rowsSuppressed }) => rowsSuppressed),
    bytesRead: add(({ bytesRead }) => bytesRead),
    durationMs: add(({ durationMs }) => durationMs),
    phases,
    lane:
      last === undefined || last.lane === null
        ? null
        : {
            ...last.lane,
            rowsBinary: add(({ lane }) => lane?.rowsBinary ?? 0),
            rowsText: add(({ lane }) => lane?.rowsText ?? 0),
          },
    columns: last?.columns ?? null,
    attempts: add(({ attempts }) => attempts),
    deduplicated: loads.length > 0 && loads.every(({ deduplicated }) => deduplicated),
    rejects: loads.flatMap(({ rejects }) => rejects),
    warnings: warnings.filter(
      ({ message }, i) => warnings.findIndex((other) => other.message === message) === i,
    ),
    error: null,
  };
}
