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

/** The load of one of several files that has not come to its good end. */
export interface FailedLoad {
  readonly report: LoadReport;
  readonly error: CopylineError;
}

/**
 * A failure of some of several files: what is known of the worst comes first, and which are loaded.
 *
 * @param total how many files there are
 * @param loads the reports of all loads that there were
 * @param failed those of them that failed, or loaded what they should not have; at least one
 */
export function stoppedTogether(
  source: string,
  total: number,
  loads: readonly LoadReport[],
  failed: readonly [FailedLoad, ...FailedLoad[]],
): LoadOutcome {
  // What nobody knows the outcome of must be looked at before anything is tried again.
  const worst = failed.find(({ report }) => report.status === 'in-doubt') ?? failed[0];
  const { code, sqlstate, commitState, advice, place, message } = worst.error;
  const all = together(source, loads);
  const loaded = loads.filter((load) => load.status === 'loaded').length;
  const others = failed
    .filter((each) => each !== worst)
    .map((each) => `; ${each.report.source} ended with ${each.error.code}`);
  const again =
    all.guarantee === 'exactly-once'
      ? 'Then load all again: those are skipped.'
      : 'Then load the others only: without a ledger, what is loaded would be stored again.';
  const error = new CopylineError(
    code,
    `${String(loaded)} of ${String(total)} files are loaded; then: ${message}${others.join('')}`,
    {
      ...{ cause: worst.error, commitState, ...place, located: worst.error.located },
      advice: loaded === 0 ? advice : `${advice} ${again}`,
      ...(sqlstate === undefined ? {} : { sqlstate }),
    },
  );
  const status = worst.report.status === 'loaded' ? 'failed' : worst.report.status;
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
