import {
  CopylineError,
  reportError,
  type LoadReport,
  type LoadSpecInput,
  type Manifest,
} from '@copyline/contracts';
import { dirname, join } from 'node:path';

import { runLoad, type LoadDeps, type LoadOutcome } from '../run-load.ts';
import { readManifest, verifyExtract } from './manifest.ts';

/** A load, without what the manifest says: which files, how they are written, what their columns are. */
export type ManifestLoadInput = Omit<LoadSpecInput, 'source' | 'format' | 'dialect' | 'columns'>;

/**
 * Loads the files of an extract, in their order, each exactly once with a ledger entry of its own.
 * Every file is compared with the manifest before the first is loaded. The first that fails ends it;
 * what was loaded before stays, is in the report, and is not loaded again by another run.
 *
 * Never throws: whatever happens is in the report, which is that of all files together.
 */
export async function loadManifest(
  path: string,
  input: ManifestLoadInput,
  deps: LoadDeps,
  signal?: AbortSignal,
): Promise<LoadOutcome> {
  const loads: LoadReport[] = [];
  const verified = await verifyExtract(path, signal).catch((error: unknown) => ({
    error: error instanceof CopylineError ? error : new CopylineError('INTERRUPTED', 'Interrupted'),
  }));
  if (verified.error !== undefined) return refused(path, input, deps, verified.error);
  const manifest = await readManifest(path);
  if (
    manifest.format === 'csv' &&
    (manifest.csv === undefined || manifest.compression !== 'none')
  ) {
    return refused(path, input, deps, unsupported(path, manifest));
  }
  for (const [i, file] of manifest.files.entries()) {
    const { report, error } = await runLoad(specOf(path, input, manifest, i), deps, signal);
    if (error !== undefined) return stopped(path, manifest, loads, report, error);
    loads.push(report);
    if (report.files[0]?.digest !== file.digest && report.files[0]?.digest !== null) {
      const changed = new CopylineError(
        'MANIFEST_MISMATCH',
        `${file.name} changed after it was compared with the manifest; what was loaded is another content`,
        { source: file.name, commitState: 'committed' },
      );
      return stopped(path, manifest, loads, report, changed);
    }
  }
  return { report: together(path, loads), error: undefined };
}

function specOf(
  path: string,
  input: ManifestLoadInput,
  manifest: Manifest,
  i: number,
): LoadSpecInput {
  const { files, columns, csv } = manifest;
  const file = files[i];
  if (file === undefined) throw new TypeError('not a file of the manifest');
  // Two files of the same content are two parts of the extract, not the same one again.
  const twins = files.slice(0, i).filter(({ digest }) => digest === file.digest).length;
  return {
    ...input,
    source: { path: join(dirname(path), file.name) },
    format: csv === undefined ? 'parquet' : 'csv',
    ...(csv === undefined ? {} : { dialect: csvDialectOf(csv) }),
    ...(csv === undefined || csv.header ? {} : { columns: columns.map(({ name }) => name) }),
    ...(file.rows === 0 ? { allowEmpty: true } : {}),
    ...(twins === 0 ? {} : { slot: `${input.slot ?? ''}#${String(twins + 1)}` }),
  };
}

function csvDialectOf({
  delimiter,
  quote,
  escape,
  null: nullMarker,
  header,
}: NonNullable<Manifest['csv']>): LoadSpecInput['dialect'] {
  return { delimiter, quote, escape, null: nullMarker, header };
}

function unsupported(path: string, { compression }: Manifest): CopylineError {
  return new CopylineError(
    'MANIFEST_UNSUPPORTED',
    `Files in CSV packed with ${compression} cannot be loaded yet`,
    { source: path },
  );
}

/** A failure before the first load. */
function refused(
  path: string,
  { into }: ManifestLoadInput,
  { database }: LoadDeps,
  error: CopylineError,
): LoadOutcome {
  const report: LoadReport = {
    ...together(path, []),
    status: error.code === 'INTERRUPTED' ? 'interrupted' : 'failed',
    target: { database, table: into, created: false },
    error: reportError(error),
  };
  return { report, error };
}

/** A failure after some files: which are loaded belongs to what is said first. */
function stopped(
  path: string,
  { files }: Manifest,
  loads: readonly LoadReport[],
  last: LoadReport,
  cause: CopylineError,
): LoadOutcome {
  const { code, sqlstate, commitState, advice, place, message } = cause;
  const count = `${String(loads.length)} of ${String(files.length)} files`;
  const error = new CopylineError(code, `${count} are loaded; then: ${message}`, {
    ...{ cause, commitState, ...place, located: cause.located },
    advice:
      loads.length === 0 ? advice : `${advice} Then load the manifest again: those are skipped.`,
    ...(sqlstate === undefined ? {} : { sqlstate }),
  });
  const all = together(path, loads.includes(last) ? loads : [...loads, last]);
  const status = last.status === 'loaded' ? 'failed' : last.status;
  return { report: { ...all, status, error: reportError(error) }, error };
}

/** The reports of loads into one table as one. */
function together(path: string, loads: readonly LoadReport[]): LoadReport {
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
    source: path,
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
