import { CopylineError, type LoadReport } from '@copyline/contracts';
import { assertCan, type Connection } from '@copyline/dws-client';

import { copyRecords } from './copy-records.ts';
import {
  answer,
  claimLoad,
  ContentKnown,
  findKnown,
  inDoubtWithoutLedger,
  recordDuplicate,
  recordFailure,
  settle,
  storeAndComplete,
  transactionOptions,
  type ClaimedLoad,
  type KnownContent,
} from './execute-plan.ts';
import type { Execution } from './execution.ts';
import type { LoadCounts } from './load-progress.ts';
import { rejectLog } from './rejects/publish-rejects.ts';

/** One of several loads that share a transaction, and what becomes of it. */
interface Part {
  readonly execution: Execution;
  /** `undefined` without a ledger, and for one that needs no loading. */
  readonly claimed: ClaimedLoad | undefined;
  report: LoadReport | undefined;
  counts: LoadCounts | undefined;
  /** What was found to be in the target when it had been read. */
  known: KnownContent | undefined;
}

/**
 * Runs plans in one transaction: each file under a savepoint of its own, so that one whose content is in
 * the target already is left out alone. What was claimed is recorded as failed when all of it rolls back.
 * Whatever may fail does so before COMMIT: behind it nothing is left to do that must be done.
 *
 * @throws CopylineError as `executePlan`; nothing is loaded then, unless the code is `IN_DOUBT`
 */
export async function executeTogether(
  executions: readonly Execution[],
  connection: Connection,
): Promise<LoadReport[]> {
  assertCan(connection.server, 'copyUnderSavepoint', 'COPY under a savepoint, for several files');
  const parts: Part[] = [];
  const reached = { isStored: false };
  try {
    for (const execution of executions) parts.push(await begin(execution));
    const open = parts.filter(({ report }) => report === undefined);
    const [first] = open;
    if (first !== undefined) {
      await connection.transaction(async () => {
        for (const part of open) await store(part, connection);
        for (const part of open) await recordKnown(part);
        reached.isStored = true;
      }, transactionOptions(first.execution));
    }
  } catch (error) {
    const isLost = error instanceof CopylineError && error.code === 'COMMIT_UNKNOWN';
    if (!isLost || !reached.isStored) {
      await recordFailures(parts, error);
      throw error;
    }
    await settleTogether(parts, error);
  }
  const reports: LoadReport[] = [];
  for (const part of parts) reports.push(await reportOf(part));
  return reports;
}

/** What was stored shares a COMMIT: one entry in the ledger tells for all. */
async function settleTogether(parts: readonly Part[], lost: CopylineError): Promise<void> {
  const stored = parts.filter(({ counts }) => counts !== undefined);
  if (stored.length === 0) return;
  const witness = stored.find(({ claimed }) => claimed !== undefined);
  if (witness?.claimed === undefined) throw inDoubtWithoutLedger(lost);
  const { execution, claimed } = witness;
  try {
    await settle(execution, claimed.plan, claimed.identity, lost);
  } catch (error) {
    const isRolledBack = error instanceof CopylineError && error.commitState === 'rolled_back';
    if (isRolledBack) await recordFailures(parts, error);
    throw error;
  }
}

/** The ledger's answer, or a claim. */
async function begin(execution: Execution): Promise<Part> {
  const { plan, recorder } = execution;
  const part = { execution, claimed: undefined, counts: undefined, known: undefined };
  if (plan.ledger === undefined) {
    recorder.warn('NO_LEDGER', 'Without a ledger a repeated load stores the rows again');
    return { ...part, report: undefined };
  }
  if (plan.ledger.answer !== undefined) {
    return { ...part, report: await answer(execution, plan.ledger.answer) };
  }
  const claimed = await claimLoad(execution, plan.ledger);
  const report =
    claimed.known === undefined
      ? undefined
      : await recordDuplicate(execution, claimed, claimed.known);
  return { ...part, claimed, report };
}

async function store(part: Part, connection: Connection): Promise<void> {
  const { execution, claimed } = part;
  try {
    part.counts = await connection.transaction(() =>
      claimed === undefined
        ? copyRecords(execution, undefined, rejectLog(execution.plan, undefined))
        : storeAndComplete(execution, claimed),
    );
  } catch (error) {
    if (!(error instanceof ContentKnown) || claimed === undefined) throw error;
    part.known = await findKnown(execution, claimed, error.digest);
  }
}

async function recordKnown({ claimed, known }: Part): Promise<void> {
  if (claimed === undefined || known === undefined) return;
  await claimed.ledger.close(claimed.identity, { state: 'deduplicated', ...known });
}

/** After COMMIT: what cannot be asked any more, over a connection that is lost, is left out. */
async function reportOf({ execution, report, counts, known }: Part): Promise<LoadReport> {
  if (report !== undefined) return report;
  const { recorder } = execution;
  if (counts !== undefined) return recorder.loaded(counts);
  if (known === undefined) {
    throw new CopylineError('INTERNAL', 'A file has neither been stored nor found to be');
  }
  const { original } = known;
  return answer(execution, original).catch(() => recorder.deduplicated(original.report));
}

async function recordFailures(parts: readonly Part[], error: unknown): Promise<void> {
  for (const { execution, claimed, report } of parts) {
    if (claimed === undefined || report !== undefined) continue;
    await recordFailure(execution, claimed.plan, claimed.identity, error);
  }
}
