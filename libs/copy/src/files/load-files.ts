import { asCopylineError, CopylineError, type LoadSpec } from '@copyline/contracts';
import type { LoadSpecInput } from '@copyline/contracts';
import { throwIfAborted } from '@copyline/dws-client';

import { parseSpec, type LoadDeps, type LoadOutcome } from '../run-load.ts';
import { refusedTogether } from './combined-report.ts';
import { findFiles, type FoundFiles } from './find-files.ts';
import { loadAtomically } from './load-atomically.ts';
import { loadEach, type SeveralOptions } from './load-each.ts';
import { assertSameSchema } from './same-schema.ts';

/** A load, without its source. */
export type FilesLoadInput = Omit<LoadSpecInput, 'source'>;

/**
 * Loads the files that names, folders and patterns mean, in a stated order (see `findFiles`), each exactly
 * once with a ledger entry of its own: what was loaded before is not loaded again. All of them are looked
 * at before the first is loaded. After one that fails none is begun; what was loaded stays.
 *
 * Never throws: whatever happens is in the report, which is that of all files together.
 *
 * @param atomic all files in one transaction: all of them are loaded, or none; not in parallel
 */
export async function loadFiles(
  names: readonly string[],
  input: FilesLoadInput,
  deps: LoadDeps,
  { atomic = false, ...options }: SeveralOptions & { readonly atomic?: boolean } = {},
): Promise<LoadOutcome> {
  const { signal } = options;
  const source = names.join(' ');
  const target = { into: input.into, database: deps.database };
  let found: FoundFiles;
  try {
    const spec = parseSpec({ ...input, source: { path: names[0] ?? '' } });
    assertOneRejectsFile(spec);
    found = await findFiles(names, spec);
    throwIfAborted(signal);
    await assertSameSchema(found.paths, spec);
  } catch (error) {
    return refusedTogether(source, target, asCopylineError(error));
  }
  const { paths, warnings } = found;
  const specs = paths.map((path) => ({ ...input, source: { path } }));
  const outcome = atomic
    ? await loadAtomically(source, specs, deps, signal)
    : await loadEach(source, specs, deps, options);
  const { report } = outcome;
  return { ...outcome, report: { ...report, warnings: [...warnings, ...report.warnings] } };
}

/** @throws CopylineError `CONFIG_INVALID` */
function assertOneRejectsFile({ rejectsFile }: LoadSpec): void {
  if (rejectsFile === undefined) return;
  throw new CopylineError('CONFIG_INVALID', 'Several files cannot have one file of rejects', {
    advice: 'Leave --rejects out; `copyline rejects LOAD --to FILE` writes those of each file.',
  });
}
