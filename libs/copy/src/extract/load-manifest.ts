import {
  CopylineError,
  type LoadReport,
  type LoadSpecInput,
  type Manifest,
} from '@copyline/contracts';
import { dirname, join } from 'node:path';

import { refusedTogether } from '../files/combined-report.ts';
import { loadEach, type SeveralOptions } from '../files/load-each.ts';
import type { LoadDeps, LoadOutcome } from '../run-load.ts';
import { digestFile } from '../source/content-digest.ts';
import { LocalFile } from '../source/local-file.ts';
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
  options: SeveralOptions = {},
): Promise<LoadOutcome> {
  const verified = await verifyExtract(path, options.signal).catch((error: unknown) => ({
    error: error instanceof CopylineError ? error : new CopylineError('INTERRUPTED', 'Interrupted'),
  }));
  const target = { into: input.into, database: deps.database };
  if (verified.error !== undefined) return refusedTogether(path, target, verified.error);
  const manifest = await readManifest(path);
  const specs = manifest.files.map((_, i) => specOf(path, input, manifest, i));
  const judge = async (i: number, report: LoadReport): Promise<CopylineError | undefined> =>
    (await isAsWritten(path, manifest, i, report)) ? undefined : changedSince(manifest, i);
  return loadEach(path, specs, deps, { ...options, judge });
}

function changedSince({ files }: Manifest, i: number): CopylineError {
  const name = files[i]?.name ?? '';
  return new CopylineError(
    'MANIFEST_MISMATCH',
    `${name} changed after it was compared with the manifest; what was loaded is another content`,
    { source: name, commitState: 'committed' },
  );
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

/** Whether what was loaded is what the manifest speaks of: its digests are those of the files as they lie. */
async function isAsWritten(
  path: string,
  { files, format, compression }: Manifest,
  i: number,
  report: LoadReport,
): Promise<boolean> {
  const { name = '', digest } = files[i] ?? {};
  const loaded = report.files[0]?.digest ?? null;
  // What a Parquet file packs are its pages.
  if (format === 'parquet' || compression === 'none') return loaded === null || loaded === digest;
  await using file = await LocalFile.open({ path: join(dirname(path), name), name });
  return (await digestFile(file, () => undefined, undefined)) === digest;
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
