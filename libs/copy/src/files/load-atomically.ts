import {
  CopylineError,
  reportError,
  type LoadReport,
  type LoadSpecInput,
} from '@copyline/contracts';
import type { Connection } from '@copyline/dws-client';

import { executeTogether } from '../execute-together.ts';
import type { Execution } from '../execution.ts';
import { LoadRecorder } from '../load-progress.ts';
import { parseTableName } from '../plan/table-name.ts';
import {
  parseSpec,
  prepareLoad,
  reasonBehind,
  type LoadDeps,
  type LoadOutcome,
} from '../run-load.ts';
import { LocalFile } from '../source/local-file.ts';
import { together } from './combined-report.ts';
import { assertComplete } from './ready-file.ts';

/**
 * Loads files in one transaction, each with its own entry in the ledger: all of them, or none.
 *
 * Never throws: whatever happens is in the report.
 */
export async function loadAtomically(
  source: string,
  specs: readonly LoadSpecInput[],
  deps: LoadDeps,
  signal: AbortSignal | undefined,
): Promise<LoadOutcome> {
  const recorders: LoadRecorder[] = [];
  const files: LocalFile[] = [];
  let connection: Connection | undefined;
  try {
    connection = await deps.connect(signal);
    const executions: Execution[] = [];
    for (const input of specs) {
      const recorder = new LoadRecorder(input, deps.database, deps.onProgress);
      recorders.push(recorder);
      recorder.attempts = 1;
      const spec = parseSpec(input);
      await assertComplete(spec.source, spec);
      const file = await LocalFile.open(spec.source);
      files.push(file);
      const run = { spec, table: parseTableName(spec.into), deps, recorder, signal };
      const execution = await prepareLoad(run, file, connection);
      if (execution.plan.target.created) throw needsTable(spec.into);
      executions.push(execution);
    }
    const reports = await executeTogether(executions, connection);
    return { report: together(source, reports), error: undefined };
  } catch (error) {
    const known = reasonBehind(error, signal);
    const last = recorders.at(-1)?.failed(known);
    return { report: failed(source, deps, specs, last, known), error: known };
  } finally {
    await connection?.close();
    for (const file of files) await file.close();
  }
}

function failed(
  source: string,
  { database }: LoadDeps,
  specs: readonly LoadSpecInput[],
  last: LoadReport | undefined,
  error: CopylineError,
): LoadReport {
  const none = together(source, last === undefined ? [] : [last]);
  return {
    ...none,
    status: last?.status ?? 'failed',
    target: { ...none.target, database, table: none.target.table ?? specs[0]?.into ?? null },
    loadId: null,
    files: [],
    error: reportError(error),
  };
}

function needsTable(into: string): CopylineError {
  return new CopylineError('TABLE_NOT_FOUND', `The table ${into} does not exist`, {
    advice:
      'Create it first: `copyline schema FILE` prints the statement. --atomic does not create.',
  });
}
