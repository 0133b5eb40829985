import { CopylineError, type LoadReport, type ReportError } from '@copyline/contracts';
import {
  quoteIdentifier,
  sqlstateOf,
  type Connection,
  type QueryResult,
} from '@copyline/dws-client';
import { createHash } from 'node:crypto';

import type { Claim, DoneLoad, LedgerFacts, LoadIdentity } from './ledger-records.ts';
import { asLedgerError } from './open-ledger.ts';
import { storableJson, storableText } from './storable-text.ts';

const LOCK_NOT_AVAILABLE = '55P03';
const UNIQUE_VIOLATION = '23505';

interface DoneRow {
  load_id: string;
  fingerprint: string;
  finished_at: string;
  source: string;
  report: LoadReport;
  source_bytes: bigint;
  source_modified_ns: string;
  source_changed_ns: string;
  source_inode: string;
}

const DONE_COLUMNS = `d.load_id, d.fingerprint, d.finished_at, d.source, d.report,
  l.source_bytes, l.source_modified_ns, l.source_changed_ns, l.source_inode`;

/**
 * The ledger of one target database, over a connection of the caller. What it says is committed
 * together with the rows it speaks of; the protocol is described in docs/exactly-once.md.
 */
export class Ledger {
  readonly #connection: Connection;
  readonly #schema: string;
  readonly #encoding: string;

  constructor(connection: Connection, schema: string) {
    this.#connection = connection;
    this.#schema = quoteIdentifier(schema);
    this.#encoding = connection.server.encoding;
  }

  async readFacts(
    targetOid: number,
    source: string,
    slot: string,
    bytes: number,
  ): Promise<LedgerFacts> {
    const generation = await this.readGeneration(targetOid);
    const last = await this.#query<DoneRow>(
      // A deduplicated run stands for the load that had stored the content.
      `SELECT ${DONE_COLUMNS}
         FROM ${this.#schema}.load l
         JOIN ${this.#schema}.load d ON d.load_id = coalesce(l.duplicate_of, l.load_id)
        WHERE l.target_oid = $1 AND l.claim_key = $2 AND l.generation = $3
          AND l.state IN ('done', 'deduplicated') AND d.state = 'done'
        ORDER BY l.finished_at DESC LIMIT 1`,
      [targetOid, claimKey(source, slot), generation],
    );
    const sameSize = await this.#query(
      `SELECT 1 FROM ${this.#schema}.load
        WHERE target_oid = $1 AND source_bytes = $2 AND slot = $3 AND generation = $4
          AND state = 'done' LIMIT 1`,
      [targetOid, bytes, slot, generation],
    );
    const row = last.rows[0];
    return {
      generation,
      lastOfSource: row === undefined ? undefined : doneLoad(row),
      sameSizeKnown: sameSize.rowCount > 0,
    };
  }

  async readGeneration(targetOid: number): Promise<bigint> {
    const { rows } = await this.#query<{ generation: bigint }>(
      `SELECT generation FROM ${this.#schema}.target WHERE target_oid = $1`,
      [targetOid],
    );
    return rows[0]?.generation ?? 0n;
  }

  /** The load that has stored a content, if any. */
  async findContent(
    targetOid: number,
    digest: string,
    slot: string,
    generation: bigint,
  ): Promise<DoneLoad | undefined> {
    const { rows } = await this.#query<DoneRow>(
      `SELECT ${DONE_COLUMNS.replaceAll('l.', 'd.')} FROM ${this.#schema}.load d
        WHERE d.target_oid = $1 AND d.digest = $2 AND d.slot = $3 AND d.generation = $4
          AND d.state = 'done'
        ORDER BY d.repeat DESC LIMIT 1`,
      [targetOid, digest, slot, generation],
    );
    return rows[0] === undefined ? undefined : doneLoad(rows[0]);
  }

  /**
   * Registers a run and raises the fence of its source, in a short transaction of its own. Runs of
   * the same source that never ended are closed as abandoned: their sessions are gone, or the fence
   * will stop them.
   *
   * @throws CopylineError `LOAD_BUSY` while another run holds the claim
   */
  async claim(identity: LoadIdentity): Promise<Claim> {
    const key = [identity.targetOid, claimKeyOf(identity)];
    for (;;) {
      try {
        return await this.#connection.transaction(async () => {
          const held = await this.#query<{ fence: bigint }>(
            `SELECT fence FROM ${this.#schema}.claim
              WHERE target_oid = $1 AND claim_key = $2 FOR UPDATE NOWAIT`,
            key,
          );
          const fence = (held.rows[0]?.fence ?? 0n) + 1n;
          await this.#writeClaim(identity, fence, held.rowCount > 0);
          await this.#query(
            `UPDATE ${this.#schema}.load SET state = 'abandoned', finished_at = clock_timestamp()
              WHERE target_oid = $1 AND claim_key = $2 AND state = 'running'`,
            key,
          );
          await this.#insertRun(identity, fence);
          return { fence };
        });
      } catch (error) {
        if (sqlstateOf(error) === LOCK_NOT_AVAILABLE) throw busy(identity, error);
        // Another first run has inserted the row just now: look again.
        if (sqlstateOf(error) !== UNIQUE_VIOLATION) throw error;
      }
    }
  }

  /** Whether no other run holds the claim just now. */
  async isClaimFree(identity: LoadIdentity): Promise<boolean> {
    try {
      await this.#query(
        `SELECT 1 FROM ${this.#schema}.claim
          WHERE target_oid = $1 AND claim_key = $2 FOR UPDATE NOWAIT`,
        [identity.targetOid, claimKeyOf(identity)],
      );
      return true;
    } catch (error) {
      if (sqlstateOf(error) === LOCK_NOT_AVAILABLE) return false;
      throw error;
    }
  }

  /**
   * Ends the session of the run that holds the claim, if it still is that very session.
   *
   * @param owner spares a run that was made on anybody else's behalf
   * @returns whether there was a session to end
   */
  async terminateHolder(identity: LoadIdentity, owner?: string): Promise<boolean> {
    const { rowCount } = await this.#query(
      `SELECT pg_terminate_backend(a.pid)
         FROM ${this.#schema}.claim c
         JOIN ${this.#schema}.load l ON l.load_id = c.load_id
         JOIN pg_stat_activity a ON a.pid = c.backend_pid AND a.backend_start = c.backend_start
        WHERE c.target_oid = $1 AND c.claim_key = $2 AND ($3::text IS NULL OR l.owner = $3)`,
      [identity.targetOid, claimKeyOf(identity), owner ?? null],
    );
    return rowCount > 0;
  }

  /**
   * First statement of the load's transaction: takes the claim's row lock, which is held to the end
   * and dies with the session, and checks that no newer run has overtaken this one.
   *
   * @throws CopylineError `LOAD_SUPERSEDED`
   */
  async lock(identity: LoadIdentity, claim: Claim): Promise<void> {
    try {
      const { rows } = await this.#query<{ fence: bigint }>(
        `SELECT fence FROM ${this.#schema}.claim
          WHERE target_oid = $1 AND claim_key = $2 FOR UPDATE NOWAIT`,
        [identity.targetOid, claimKeyOf(identity)],
      );
      if (rows[0]?.fence === claim.fence) return;
    } catch (error) {
      if (sqlstateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
    }
    throw new CopylineError('LOAD_SUPERSEDED', 'A newer run of the same load has taken over');
  }

  /**
   * Last statement of the load's transaction: the load is done. The unique index refuses a content
   * that another run has stored meanwhile; then nothing may be committed.
   *
   * @returns whether the content was new
   * @throws CopylineError `LOAD_SUPERSEDED`, `TABLE_CHANGED`
   */
  async complete(
    identity: LoadIdentity,
    outcome: {
      readonly targetOid: number;
      readonly digest: string;
      readonly report: LoadReport;
      readonly forced: boolean;
    },
  ): Promise<boolean> {
    const generation = await this.#lockGeneration(outcome.targetOid);
    if (generation !== identity.generation) {
      throw new CopylineError('TABLE_CHANGED', 'The content of the target was replaced meanwhile');
    }
    const content = [outcome.targetOid, outcome.digest, identity.slot, generation];
    const repeat = outcome.forced
      ? `(SELECT coalesce(max(repeat) + 1, 0) FROM ${this.#schema}.load
           WHERE target_oid = $1 AND digest = $2 AND slot = $3 AND generation = $4
             AND state = 'done')`
      : '0';
    try {
      const { rowCount } = await this.#query(
        `UPDATE ${this.#schema}.load l
            SET state = 'done', target_oid = $1, digest = $2, slot = $3, generation = $4,
                claim_key = $8,
                repeat = ${repeat}, report = $6, rows_loaded = $7,
                finished_at = clock_timestamp()
          WHERE load_id = $5 AND state = 'running'
            AND NOT EXISTS (SELECT 1 FROM ${this.#schema}.closed_owner o WHERE o.owner = l.owner)`,
        [
          ...content,
          identity.loadId,
          storableJson({ ...outcome.report, loadId: identity.loadId }, this.#encoding),
          outcome.report.rowsLoaded,
          // The table exists from now on: later runs look for the source under this key.
          claimKey(identity.source, identity.slot),
        ],
      );
      if (rowCount === 1) return true;
    } catch (error) {
      if (sqlstateOf(error) === UNIQUE_VIOLATION) return false;
      throw error;
    }
    throw new CopylineError('LOAD_SUPERSEDED', 'A newer run of the same load has taken over');
  }

  /** Records how a run ended without rows, in a transaction of its own. */
  async close(
    identity: LoadIdentity,
    end:
      | { readonly state: 'failed'; readonly error: ReportError }
      | { readonly state: 'deduplicated'; readonly original: DoneLoad; readonly digest: string },
  ): Promise<void> {
    const deduplicated = end.state === 'deduplicated' ? end : undefined;
    await this.#query(
      `UPDATE ${this.#schema}.load
          SET state = $2, error = $3, duplicate_of = $4, digest = coalesce($5, digest),
              finished_at = clock_timestamp()
        WHERE load_id = $1 AND state = 'running'`,
      [
        identity.loadId,
        end.state,
        end.state === 'failed' ? storableJson(end.error, this.#encoding) : null,
        deduplicated?.original.loadId ?? null,
        deduplicated?.digest ?? null,
      ],
    );
  }

  /**
   * What became of a run whose COMMIT was not answered. Waits for the run's own transaction, should
   * the server still be at it.
   *
   * @throws CopylineError when the answer cannot be had from here, for example from a standby
   */
  async readOutcome(loadId: string, lockTimeoutMs: number): Promise<'committed' | 'rolled_back'> {
    return this.#connection.transaction(async () => {
      if (this.#connection.server.can.lockTimeout) {
        await this.#query(`SET LOCAL lock_timeout = ${String(lockTimeoutMs)}`);
      }
      const standby = await this.#query<{ standby: boolean }>(
        'SELECT pg_is_in_recovery() AS standby',
      );
      if (standby.rows[0]?.standby !== false) {
        throw new CopylineError('CONNECT_FAILED', 'The server is a standby: its ledger may be old');
      }
      const { rows } = await this.#query<{ state: string }>(
        `SELECT state FROM ${this.#schema}.load WHERE load_id = $1 FOR UPDATE`,
        [loadId],
      );
      return rows[0]?.state === 'done' ? 'committed' : 'rolled_back';
    });
  }

  /** Against a replacement of the content that is going on or comes before this load commits. */
  async #lockGeneration(targetOid: number): Promise<bigint> {
    const { rows } = await this.#query<{ generation: bigint }>(
      `SELECT generation FROM ${this.#schema}.target WHERE target_oid = $1 FOR SHARE`,
      [targetOid],
    );
    return rows[0]?.generation ?? 0n;
  }

  /** A refusal is the ledger's own error: the role may lack a privilege on it. */
  async #query<Row extends object>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    try {
      const storable = parameters.map((each) =>
        typeof each === 'string' ? storableText(each, this.#encoding) : each,
      );
      return await this.#connection.query<Row>(text, storable);
    } catch (error) {
      throw asLedgerError(error, this.#schema, 'used');
    }
  }

  async #writeClaim(identity: LoadIdentity, fence: bigint, exists: boolean): Promise<void> {
    const { targetOid, targetName, source, slot, loadId } = identity;
    const start = '(SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())';
    if (exists) {
      await this.#query(
        `UPDATE ${this.#schema}.claim
            SET fence = $3, load_id = $4, backend_pid = pg_backend_pid(), backend_start = ${start},
                claimed_at = clock_timestamp()
          WHERE target_oid = $1 AND claim_key = $2`,
        [targetOid, claimKeyOf(identity), fence, loadId],
      );
    } else {
      await this.#query(
        `INSERT INTO ${this.#schema}.claim (target_oid, claim_key, target_name, source, slot,
                                            fence, load_id, backend_pid, backend_start)
         SELECT $1, $2, $3, $4, $5, $6, $7, pg_backend_pid(), ${start}`,
        [targetOid, claimKeyOf(identity), targetName, source, slot, fence, loadId],
      );
    }
  }

  async #insertRun(identity: LoadIdentity, fence: bigint): Promise<void> {
    const { version } = identity;
    await this.#query(
      `INSERT INTO ${this.#schema}.load
         (load_id, state, target_oid, target_name, generation, source, slot, claim_key, fence,
          source_bytes, source_modified_ns, source_changed_ns, source_inode,
          fingerprint, client, owner, backend_pid)
       VALUES ($1, 'running', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
               pg_backend_pid())`,
      [
        identity.loadId,
        identity.targetOid,
        identity.targetName,
        identity.generation,
        identity.source,
        identity.slot,
        claimKeyOf(identity),
        fence,
        version.bytes,
        version.modifiedNs,
        version.changedNs,
        version.inode,
        identity.fingerprint,
        identity.client,
        identity.owner ?? null,
      ],
    );
  }
}

/** Sources have names of any length; an index wants short keys. */
function claimKey(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A table that does not exist yet is told by its name. */
function claimKeyOf({ targetOid, targetName, source, slot }: LoadIdentity): string {
  return targetOid === 0 ? claimKey(source, slot, targetName) : claimKey(source, slot);
}

function busy(identity: LoadIdentity, cause: unknown): CopylineError {
  return new CopylineError(
    'LOAD_BUSY',
    `Another run is loading ${identity.source} into ${identity.targetName}`,
    { cause },
  );
}

function doneLoad(row: DoneRow): DoneLoad {
  return {
    loadId: row.load_id,
    fingerprint: row.fingerprint,
    finishedAt: row.finished_at,
    source: row.source,
    report: row.report,
    version: {
      bytes: Number(row.source_bytes),
      modifiedNs: BigInt(row.source_modified_ns),
      changedNs: BigInt(row.source_changed_ns),
      inode: BigInt(row.source_inode),
    },
  };
}
