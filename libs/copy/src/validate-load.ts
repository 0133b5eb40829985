import {
  CopylineError,
  type LoadReport,
  type LoadSpecInput,
  type ValidateReport,
} from '@copyline/contracts';
import { Rollback, type Connection, type TransactionBlock } from '@copyline/dws-client';
import { randomUUID } from 'node:crypto';

import { copyRecords } from './copy-records.ts';
import { assertComplete } from './files/ready-file.ts';
import { gatherFacts } from './gather-facts.ts';
import { LoadRecorder, type LoadCounts, type LoadProgress } from './load-progress.ts';
import { planLoad } from './plan/plan-load.ts';
import { parseTableName } from './plan/table-name.ts';
import { openRejectFiles, rejectLog } from './rejects/publish-rejects.ts';
import { assertRejectsFile } from './rejects/reject-files.ts';
import { restartWithout } from './rejects/restart-without.ts';
import { parseSpec, reasonBehind } from './run-load.ts';
import { LocalFile } from './source/local-file.ts';

/** Errors that the report lists; the file of rejects has all of them. */
const LISTED = 10_000;

/** What a validation needs from the outside. */
export interface ValidateDeps {
  /** Opens a connection to the target. */
  readonly connect: (signal?: AbortSignal) => Promise<Connection>;
  /** The target database for reports, without secrets. */
  readonly database: string;
  /** Ends after so many errors. Default: finds all. */
  readonly maxErrors?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** The report, and the error behind it with its causes. */
export interface ValidateOutcome {
  readonly report: ValidateReport;
  readonly error: CopylineError | undefined;
}

/**
 * Loads a source in continue mode, has all types and constraints of the target judge it, and rolls
 * back. There is no entry in the ledger. Never throws: whatever happens is in the report.
 *
 * A COPY that is rolled back leaves traces all the same: values of sequences are used up, the space
 * that the rows took is free only after a VACUUM, and triggers may have done what no rollback undoes.
 */
export async function validateLoad(
  input: LoadSpecInput,
  deps: ValidateDeps,
  signal?: AbortSignal,
): Promise<ValidateOutcome> {
  const recorder = new LoadRecorder(input, deps.database, deps.onProgress);
  try {
    const { counts, isComplete } = await run(input, deps, recorder, signal);
    const loaded = recorder.loaded(counts);
    const status = counts.rowsRejected > 0 ? 'invalid' : 'valid';
    return { report: asValidateReport(loaded, status, isComplete), error: undefined };
  } catch (error) {
    const known = reasonBehind(error, signal);
    const failed = recorder.failed(known);
    const status = failed.status === 'interrupted' ? 'interrupted' : 'failed';
    return { report: asValidateReport(failed, status, false), error: known };
  }
}

async function run(
  input: LoadSpecInput,
  deps: ValidateDeps,
  recorder: LoadRecorder,
  signal: AbortSignal | undefined,
): Promise<{ readonly counts: LoadCounts; readonly isComplete: boolean }> {
  // Without a ledger, but a file for the rejects is not called for as it is with a load.
  const parsed = parseSpec({ ...input, onError: 'continue', ledger: 'target' });
  const spec = { ...parsed, ledger: 'none' as const };
  const table = parseTableName(spec.into);
  if (spec.rejectsFile !== undefined) await assertRejectsFile(spec.rejectsFile, spec.source.path);
  await assertComplete(spec.source, spec);
  await using file = await LocalFile.open(spec.source);
  recorder.enter('connect');
  await using connection = await deps.connect(signal);
  recorder.enter('inspect');
  const context = { connection, file, canonical: file.canonical, recorder, signal };
  const facts = await gatherFacts(spec, table, context);
  const plan = planLoad(spec, table, facts);
  recorder.begin(plan, '');
  const loadId = randomUUID();
  const copying = { plan, facts, loadId, file, connection, recorder, signal, leftOut: [] };
  const counts = await restartWithout(copying, async () => {
    const files = await openRejectFiles({ plan, facts, file });
    const log = rejectLog(plan, files, { shown: LISTED, enough: deps.maxErrors ?? Infinity });
    try {
      const found = await rolledBack(connection, () => copyRecords(copying, undefined, log));
      await files?.publish();
      return found;
    } catch (error) {
      await files?.discard();
      throw error;
    }
  });
  return { counts, isComplete: counts.bytesRead === file.version.bytes };
}

/** Runs work in a transaction that is rolled back whatever happens. */
async function rolledBack<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  let result: { readonly value: T } | undefined;
  await connection.transaction(
    async (block: TransactionBlock) => {
      result = { value: await work() };
      throw new Rollback(block);
    },
    { isolation: 'read committed', readOnly: false },
  );
  if (result === undefined) throw new CopylineError('INTERNAL', 'The work has no result');
  return result.value;
}

function asValidateReport(
  load: LoadReport,
  status: ValidateReport['status'],
  isComplete: boolean,
): ValidateReport {
  const { target, source, rowsParsed, rowsRejected, rowsSuppressed, bytesRead } = load;
  const { durationMs, phases, lane, rejects, warnings, error } = load;
  return {
    status,
    target,
    source,
    ...{ rowsParsed, rowsValid: load.rowsLoaded, rowsRejected, rowsSuppressed, isComplete },
    ...{ bytesRead, durationMs, phases, lane, rejects, warnings, error },
  };
}
