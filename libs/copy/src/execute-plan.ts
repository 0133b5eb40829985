import { asCopylineError, CopylineError, reportError, type LoadReport } from '@copyline/contracts';
import { throwIfAborted, type Connection } from '@copyline/dws-client';

import { copyRecords } from './copy-records.ts';
import type { Execution } from './execution.ts';
import { Ledger } from './ledger/ledger.ts';
import type { Claim, DoneLoad, LoadIdentity } from './ledger/ledger-records.ts';
import type { LoadCounts } from './load-progress.ts';
import { isEmptyTable } from './plan/facts.ts';
import { findTable } from './plan/find-table.ts';
import { assertSameFingerprint, type LedgerPlan } from './plan/plan-load.ts';
import {
  keepOnlyRejects,
  openRejectFiles,
  openRejectTable,
  publishOnlyRejects,
  publishRejects,
  rejectLog,
} from './rejects/publish-rejects.ts';
import { restartWithout } from './rejects/restart-without.ts';
import { settleCommit } from './settle-commit.ts';
import { waitForClaim } from './wait-for-claim.ts';
import { createContentDigest, digestContent } from './source/content-digest.ts';

/** The transaction found, at its end, that another run has stored the same content. */
export class ContentKnown extends Error {
  readonly digest: string;

  constructor(digest: string) {
    super('The content is in the target already');
    this.digest = digest;
  }
}

/**
 * Runs a plan: the ledger's answer, or claim, transaction and report.
 *
 * @throws CopylineError with its place and commit state; nothing is loaded then, unless the code is
 *   `IN_DOUBT`
 */
export async function executePlan(execution: Execution): Promise<LoadReport> {
  const { plan } = execution;
  if (plan.ledger === undefined) return loadWithoutLedger(execution);
  if (plan.ledger.answer !== undefined) return answer(execution, plan.ledger.answer);
  return loadWithLedger(execution, plan.ledger);
}

async function loadWithoutLedger(execution: Execution): Promise<LoadReport> {
  const { recorder } = execution;
  recorder.warn('NO_LEDGER', 'Without a ledger a repeated load stores the rows again');
  const counts = await restartWithout(execution, () => storeWithoutLedger(execution));
  return recorder.loaded(counts);
}

async function storeWithoutLedger(execution: Execution): Promise<LoadCounts> {
  const { recorder, connection } = execution;
  const files = await openRejectFiles(execution);
  let counts: LoadCounts;
  try {
    counts = await connection.transaction(
      () => copyRecords(execution, undefined, rejectLog(execution.plan, files)),
      transactionOptions(execution),
    );
  } catch (error) {
    if (error instanceof CopylineError && error.code === 'COMMIT_UNKNOWN') {
      if (files !== undefined) await keepOnlyRejects(recorder, files, 'the load is in doubt');
      throw inDoubtWithoutLedger(error);
    }
    await files?.discard();
    throw error;
  }
  if (files !== undefined) await publishOnlyRejects(recorder, files);
  return counts;
}

export function inDoubtWithoutLedger(cause: unknown): CopylineError {
  return new CopylineError('IN_DOUBT', 'The answer to COMMIT was lost, and there is no ledger', {
    cause,
    commitState: 'unknown',
    advice: 'Look into the target table before loading again.',
  });
}

/** A load that the ledger has given the right to store its source. */
export interface ClaimedLoad {
  readonly plan: LedgerPlan;
  readonly ledger: Ledger;
  readonly identity: LoadIdentity;
  readonly claim: Claim;
  /** The content is in the target already: found by hashing the file first. */
  readonly known: KnownContent | undefined;
}

/** Content that is in the target already, and the load that has stored it. */
export interface KnownContent {
  readonly original: DoneLoad;
  readonly digest: string;
}

export async function claimLoad(execution: Execution, plan: LedgerPlan): Promise<ClaimedLoad> {
  const ledger = new Ledger(execution.connection, plan.schema);
  const identity = identityOf(execution, plan);
  const known = plan.hashFirst ? await findByHash(execution, ledger, plan) : undefined;
  const claim = await claimWhenFree(execution, ledger, identity);
  return { plan, ledger, identity, claim, known };
}

async function loadWithLedger(execution: Execution, plan: LedgerPlan): Promise<LoadReport> {
  const claimed = await claimLoad(execution, plan);
  const { identity, known } = claimed;
  if (known !== undefined) return recordDuplicate(execution, claimed, known);

  let counts: LoadCounts | undefined;
  try {
    counts = await restartWithout(execution, () =>
      execution.connection.transaction(async () => {
        counts = await storeAndComplete(execution, claimed);
        return counts;
      }, transactionOptions(execution)),
    );
  } catch (error) {
    if (error instanceof ContentKnown) {
      return await finishAsDuplicate(execution, claimed, error.digest);
    }
    const isLost = error instanceof CopylineError && error.code === 'COMMIT_UNKNOWN';
    if (!isLost || counts === undefined) {
      await recordFailure(execution, plan, identity, error);
      throw error;
    }
    await settle(execution, plan, identity, error);
  }
  await publishRejects(execution, plan, { loadId: execution.loadId, ...counts });
  return execution.recorder.loaded(counts);
}

/** @throws CopylineError when the lost COMMIT turns out not to have happened, or nobody can tell */
export async function settle(
  execution: Execution,
  plan: LedgerPlan,
  identity: LoadIdentity,
  lost: CopylineError,
): Promise<void> {
  execution.recorder.enter('settle');
  try {
    await settleCommit(execution, plan.schema, lost);
  } catch (error) {
    const isRolledBack = error instanceof CopylineError && error.commitState === 'rolled_back';
    if (isRolledBack) await recordFailure(execution, plan, identity, error);
    throw error;
  }
  execution.recorder.warn(
    'COMMIT_SETTLED',
    'The answer to COMMIT was lost; the ledger says that the load is committed',
  );
}

/**
 * The rows and the ledger's entry, inside a transaction of the caller.
 *
 * @throws ContentKnown when the content turns out to be in the target; the caller rolls back
 */
export async function storeAndComplete(
  execution: Execution,
  { ledger, identity, claim }: ClaimedLoad,
): Promise<LoadCounts> {
  const { plan, recorder } = execution;
  const digest = await createContentDigest();
  await ledger.lock(identity, claim);
  const log = rejectLog(plan, await openRejectTable(execution));
  const counts = await copyRecords(execution, digest, log);
  const content = digest.text();
  const isNew = await ledger.complete(identity, {
    targetOid: await assertSameTable(execution),
    digest: content,
    report: recorder.loaded({ ...counts, digest: content }),
    forced: plan.ledger?.forced === true,
  });
  if (!isNew) throw new ContentKnown(content);
  throwIfAborted(execution.signal);
  return { ...counts, digest: content };
}

export function transactionOptions({
  recorder,
}: Execution): Parameters<Connection['transaction']>[1] {
  return {
    isolation: 'read committed',
    readOnly: false,
    onCommit: () => {
      recorder.enter('commit');
    },
  };
}

/**
 * The table that COPY has filled, whose lock is held by now, must be the one that was planned for:
 * the ledger's entry speaks of its OID.
 */
async function assertSameTable({ connection, plan }: Execution): Promise<number> {
  const { condition, parameters } = findTable(connection.server.can, plan.target);
  const { rows } = await connection.query<{ oid: number }>(
    `SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${condition}`,
    parameters,
  );
  const oid = rows[0]?.oid ?? 0;
  if (oid !== 0 && (plan.target.created || oid === plan.target.oid)) return oid;
  throw new CopylineError('TABLE_CHANGED', 'The table was replaced by another one meanwhile');
}

// — content that is in the target already —

async function findByHash(
  { file, recorder, signal, slot, plan }: Execution,
  ledger: Ledger,
  { fingerprint, generation }: LedgerPlan,
): Promise<KnownContent | undefined> {
  recorder.enter('hash', file.version.bytes);
  const onProgress = (bytesRead: number): void => {
    recorder.progress(bytesRead, 0);
  };
  const digest = await digestContent(file, plan.reading, onProgress, signal);
  await file.assertUnchanged(file.version.bytes);
  const original = await ledger.findContent(plan.target.oid, digest, slot, generation);
  if (original === undefined) return undefined;
  assertSameFingerprint(original, fingerprint);
  return { original, digest };
}

async function finishAsDuplicate(
  execution: Execution,
  claimed: ClaimedLoad,
  digest: string,
): Promise<LoadReport> {
  let known: KnownContent;
  try {
    known = await findKnown(execution, claimed, digest);
  } catch (error) {
    await recordFailure(execution, claimed.plan, claimed.identity, error);
    throw error;
  }
  return recordDuplicate(execution, claimed, known);
}

/** @throws CopylineError `LOAD_SUPERSEDED`, `ALREADY_LOADED_DIFFERENTLY` */
export async function findKnown(
  { plan: { target }, slot }: Execution,
  { ledger, plan }: ClaimedLoad,
  digest: string,
): Promise<KnownContent> {
  const original = await ledger.findContent(target.oid, digest, slot, plan.generation);
  if (original === undefined) {
    throw new CopylineError('LOAD_SUPERSEDED', 'The ledger changed while the load was running');
  }
  assertSameFingerprint(original, plan.fingerprint);
  return { original, digest };
}

export async function recordDuplicate(
  execution: Execution,
  { ledger, identity }: ClaimedLoad,
  known: KnownContent,
): Promise<LoadReport> {
  await ledger.close(identity, { state: 'deduplicated', ...known });
  return answer(execution, known.original);
}

export async function answer(execution: Execution, original: DoneLoad): Promise<LoadReport> {
  const { connection, facts, plan, recorder } = execution;
  if (plan.ledger !== undefined) {
    const { loadId, report } = original;
    await publishRejects(execution, plan.ledger, { loadId, rowsRejected: report.rowsRejected });
  }
  if (facts.table !== undefined && original.report.rowsLoaded > 0) {
    if ((await isEmptyTable(connection, facts.table)) === true) {
      recorder.warn(
        'TARGET_EMPTY',
        'The ledger knows this content as loaded, but the table is empty; --force loads it again',
      );
    }
  }
  return recorder.deduplicated(original.report);
}

// — the ledger's side —

async function claimWhenFree(
  { recorder, whenBusy, signal }: Execution,
  ledger: Ledger,
  identity: LoadIdentity,
): Promise<Claim> {
  try {
    return await ledger.claim(identity);
  } catch (error) {
    if (!(error instanceof CopylineError) || error.code !== 'LOAD_BUSY') throw error;
    recorder.enter('wait');
    return await waitForClaim(ledger, identity, error, whenBusy, signal);
  }
}

function identityOf(execution: Execution, plan: LedgerPlan): LoadIdentity {
  const { target } = execution.plan;
  const { canonical, version } = execution.facts.source;
  return {
    loadId: execution.loadId,
    targetOid: target.oid,
    targetName: `${target.schema}.${target.name}`,
    generation: plan.generation,
    source: canonical,
    slot: execution.slot,
    version,
    fingerprint: plan.fingerprint,
    client: execution.client,
    owner: execution.owner,
  };
}

/** Best effort: a run that failed is recorded after its rollback, over any connection to be had. */
export async function recordFailure(
  execution: Execution,
  plan: LedgerPlan,
  identity: LoadIdentity,
  error: unknown,
): Promise<void> {
  const end = { state: 'failed', error: reportError(error) } as const;
  try {
    if (execution.connection.isUsable) {
      await new Ledger(execution.connection, plan.schema).close(identity, end);
    } else {
      await using connection = await execution.connect();
      await new Ledger(connection, plan.schema).close(identity, end);
    }
  } catch (cause) {
    const reason = asCopylineError(cause).message;
    execution.recorder.warn('NOT_RECORDED', `The failed run is not in the ledger: ${reason}`);
  }
}
