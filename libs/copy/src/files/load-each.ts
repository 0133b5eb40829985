import {
  asCopylineError,
  type CopylineError,
  type LoadReport,
  type LoadSpecInput,
} from '@copyline/contracts';
import type { Secret } from '@copyline/dws-client';

import { runLoad, type LoadDeps, type LoadOutcome } from '../run-load.ts';
import { stoppedTogether, together, type FailedLoad } from './combined-report.ts';
import { CombinedProgress } from './combined-progress.ts';
import { LoadThreads } from './load-threads.ts';

/** How several files are loaded. */
export interface SeveralOptions {
  /** Default: one file after the other, in this thread. */
  readonly parallel?: Parallel;
  readonly signal?: AbortSignal;
}

/** Several files at a time, each on a thread and a connection of its own. */
export interface Parallel {
  readonly loads: number;
  /** Where the threads connect to; the same database as that of `LoadDeps.connect`. */
  readonly conninfo: Secret;
}

interface EachOptions extends SeveralOptions {
  /** Looks at what was loaded. @returns what is wrong with it */
  readonly judge?: (i: number, report: LoadReport) => Promise<CopylineError | undefined>;
}

/**
 * Loads sources, each in a transaction and with a ledger entry of its own, and begins them in their order.
 * After one that failed none is begun; those under way come to their end.
 *
 * Never throws: whatever happens is in the report, which is that of all together, in the order of `specs`.
 */
export async function loadEach(
  source: string,
  specs: readonly LoadSpecInput[],
  deps: LoadDeps,
  { parallel, signal, judge }: EachOptions = {},
): Promise<LoadOutcome> {
  const startedAt = performance.now();
  const progress = await CombinedProgress.of(specs, deps.onProgress);
  await using threads = parallel && new LoadThreads(parallel.conninfo, deps);
  const reports: LoadReport[] = [];
  const failed: FailedLoad[] = [];

  const loadOne = async (i: number, input: LoadSpecInput): Promise<void> => {
    const onProgress = progress.follow(i);
    const { report, error } =
      threads === undefined
        ? await runLoad(input, { ...deps, onProgress }, signal)
        : await threads.run(input, onProgress, signal);
    reports[i] = report;
    const fault = error ?? (await judge?.(i, report).catch(asCopylineError));
    if (fault !== undefined) failed.push({ report, error: fault });
  };
  const waiting = specs.entries();
  const loadNext = async (): Promise<boolean> => {
    const next = waiting.next();
    if (next.done === true) return false;
    await loadOne(...next.value);
    return failed.length === 0;
  };
  const loadRest = async (): Promise<void> => {
    let goesOn = failed.length === 0;
    while (goesOn) goesOn = await loadNext();
  };
  // The types of a table that is created are those of the first file.
  if (specs[0]?.create === true) await loadNext();
  await Promise.all(Array.from({ length: parallel?.loads ?? 1 }, loadRest));

  // Without the holes of those that were not begun.
  const loads = reports.flat();
  const [first, ...others] = failed;
  const { report, error } =
    first === undefined
      ? { report: together(source, loads), error: undefined }
      : stoppedTogether(source, specs.length, loads, [first, ...others]);
  return { report: { ...report, durationMs: Math.round(performance.now() - startedAt) }, error };
}
