import {
  asCopylineError,
  CopylineError,
  loadSpecSchema,
  type LoadReport,
  type LoadSpec,
  type LoadSpecInput,
} from '@copyline/contracts';
import { abortReason, throwIfAborted, type Connection } from '@copyline/dws-client';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { assertDialect } from './csv/dialect.ts';
import { executePlan } from './execute-plan.ts';
import type { Execution } from './execution.ts';
import { assertComplete } from './files/ready-file.ts';
import { gatherFacts } from './gather-facts.ts';
import { LoadRecorder, type LoadProgress } from './load-progress.ts';
import { assertMapping } from './plan/map-fields.ts';
import { planLoad } from './plan/plan-load.ts';
import { parseTableName, type TableName } from './plan/table-name.ts';
import { assertRejectsFile } from './rejects/reject-files.ts';
import { LocalFile } from './source/local-file.ts';
import { ClaimIsFree, type BusyPolicy } from './wait-for-claim.ts';

/** How long to look for the outcome of a COMMIT whose answer was lost. */
const SETTLE_TIMEOUT_MS = 30_000;

/**
 * How often a load starts again because the world moved while it was starting: the table was
 * created, a newer run took over. Each time it finds the other's work done, or the way free.
 */
const RESTARTS = 5;

/** What a load needs from the outside. */
export interface LoadDeps {
  /** Opens a connection to the target. */
  readonly connect: (signal?: AbortSignal) => Promise<Connection>;
  /** The target database for reports, without secrets. */
  readonly database: string;
  /**
   * On whose behalf the load is made, the id of a submission for example; recorded in the ledger.
   * Runs of one owner are the same load tried again.
   */
  readonly owner?: string;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** What to do while another run holds the same source. Default: fail with `LOAD_BUSY`. */
  readonly whenBusy?: BusyPolicy;
  /** Milliseconds. Default: 30,000. */
  readonly settleTimeoutMs?: number;
  /** What the ledger knows the source by. Default: where the file is. */
  readonly canonicalSource?: string;
  /** Who makes the plan. Default: `planLoad`. */
  readonly planLoad?: typeof planLoad;
}

/** The report, and the error behind it with its causes. */
export interface LoadOutcome {
  readonly report: LoadReport;
  readonly error: CopylineError | undefined;
}

/**
 * Loads one source into one table: exactly once, or not at all. Never throws: whatever happens is in
 * the report.
 *
 * @param signal interrupts and rolls back; from COMMIT on it is too late, and the load ends as it ends
 */
export async function runLoad(
  input: LoadSpecInput,
  deps: LoadDeps,
  signal?: AbortSignal,
): Promise<LoadOutcome> {
  const recorder = new LoadRecorder(input, deps.database, deps.onProgress);
  try {
    const spec = parseSpec(input);
    const run: LoadRun = { spec, table: parseTableName(spec.into), deps, recorder, signal };
    if (spec.rejectsFile !== undefined) {
      await assertRejectsFile(spec.rejectsFile, spec.source.path);
    }
    await assertComplete(spec.source, spec);
    await using file = await LocalFile.open(spec.source);
    return { report: await attemptUntilDone(run, file), error: undefined };
  } catch (error) {
    const known = reasonBehind(error, signal);
    return { report: recorder.failed(known), error: known };
  }
}

/** What an interruption broke is an interruption, whatever it looks like. */
export function reasonBehind(error: unknown, signal: AbortSignal | undefined): CopylineError {
  const isEcho = signal?.aborted === true && !(error instanceof CopylineError);
  return isEcho ? abortReason(signal) : asCopylineError(error);
}

/** Fills in the defaults. @throws CopylineError `CONFIG_INVALID`, naming every fault */
export function parseSpec(input: LoadSpecInput): LoadSpec {
  const parsed = loadSpecSchema.safeParse(input);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'the specification'}: ${issue.message}`,
    );
    throw new CopylineError('CONFIG_INVALID', `The load is not valid: ${faults.join('; ')}`);
  }
  assertDialect(parsed.data.dialect);
  assertMapping(parsed.data);
  parseTableName(parsed.data.into);
  assertRejectsHavePlace(parsed.data);
  return parsed.data;
}

/** @throws CopylineError `CONFIG_INVALID` */
function assertRejectsHavePlace({ onError, rejectLimit, rejectsFile, ledger }: LoadSpec): void {
  const isIdle = onError === 'abort' && (rejectLimit ?? rejectsFile) !== undefined;
  if (isIdle) {
    throw new CopylineError('CONFIG_INVALID', 'Rejects are kept with --on-error continue only', {
      advice: 'Add --on-error continue, or leave --reject-limit and --rejects out.',
    });
  }
  if (onError === 'continue' && ledger === 'none' && rejectsFile === undefined) {
    throw new CopylineError(
      'CONFIG_INVALID',
      'Without a ledger the rejects would be kept nowhere',
      {
        advice: 'Name a file for them with --rejects.',
      },
    );
  }
}

/** What stays the same in all attempts of one load. */
export interface LoadRun {
  readonly spec: LoadSpec;
  readonly table: TableName;
  readonly deps: LoadDeps;
  readonly recorder: LoadRecorder;
  readonly signal: AbortSignal | undefined;
}

async function attemptUntilDone(run: LoadRun, file: LocalFile): Promise<LoadReport> {
  const { recorder, deps, signal } = run;
  let restarts = 0;
  let connection: Connection | undefined;
  try {
    for (;;) {
      recorder.attempts += 1;
      if (connection?.isUsable !== true) {
        await connection?.close();
        recorder.enter('connect');
        connection = await deps.connect(signal);
      }
      try {
        return await executePlan(await prepareLoad(run, file, connection));
      } catch (error) {
        if (error instanceof ClaimIsFree) continue;
        restarts += 1;
        if (!isOvertaken(error, deps.owner) || restarts > RESTARTS) throw error;
      }
    }
  } finally {
    await connection?.close();
  }
}

/** Everything about an attempt that is known before the first row moves. */
export async function prepareLoad(
  { spec, table, deps, recorder, signal }: LoadRun,
  file: LocalFile,
  connection: Connection,
): Promise<Execution> {
  throwIfAborted(signal);
  recorder.enter('inspect');
  const canonical = deps.canonicalSource ?? file.canonical;
  const context = { connection, file, canonical, recorder, signal };
  const facts = await gatherFacts(spec, table, context);
  const plan = (deps.planLoad ?? planLoad)(spec, table, facts);
  recorder.begin(plan, randomUUID());
  return {
    spec,
    plan,
    facts,
    loadId: recorder.loadId,
    slot: spec.slot,
    client: `${hostname()}/${String(process.pid)}`,
    owner: deps.owner,
    file,
    connection,
    recorder,
    signal,
    leftOut: [],
    connect: () => deps.connect(),
    whenBusy: deps.whenBusy ?? { action: 'fail', timeoutMs: 0 },
    settleTimeoutMs: deps.settleTimeoutMs ?? SETTLE_TIMEOUT_MS,
  };
}

function isOvertaken(error: unknown, owner: string | undefined): boolean {
  const code = error instanceof CopylineError ? error.code : undefined;
  // Who has an owner was overtaken on the owner's behalf, who decides what is run again.
  return code === 'TABLE_CHANGED' || (code === 'LOAD_SUPERSEDED' && owner === undefined);
}
