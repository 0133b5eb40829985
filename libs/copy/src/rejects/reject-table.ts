import type { ErrorCode } from '@copyline/contracts';
import { quoteIdentifier, type Connection } from '@copyline/dws-client';

import { BINARY_HEADER, BINARY_TRAILER } from '../lanes/binary-rows.ts';
import { storableText } from '../ledger/storable-text.ts';
import type { Reject } from './reject.ts';
import type { RejectStore } from './reject-log.ts';

/** Rejects wait until so many bytes of them have come together. */
const FLUSH_BYTES = 1024 * 1024;
/** The longest reason that is kept, in characters: it may quote a value of any size. */
const REASON_CHARS = 1_000;

/** What is kept once for all rejects of a load. */
export interface RejectSet {
  /** What stands in the source before its first record: byte order mark, skipped lines, header. */
  readonly preamble: Buffer;
  /** The load's specification, for a replay. */
  readonly spec: unknown;
}

/** The reject table of the ledger, written by the load's own transaction. */
export class RejectTable implements RejectStore {
  readonly #connection: Connection;
  readonly #schema: string;
  readonly #loadId: string;
  readonly #set: RejectSet;
  readonly #encoding: string;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #count = 0;

  constructor(
    connection: Connection,
    load: { readonly schema: string; readonly loadId: string; readonly serverEncoding: string },
    set: RejectSet,
  ) {
    this.#connection = connection;
    this.#schema = quoteIdentifier(load.schema);
    this.#loadId = load.loadId;
    this.#set = set;
    this.#encoding = load.serverEncoding;
  }

  async add(rejects: readonly Reject[]): Promise<void> {
    const loadId = Buffer.from(this.#loadId.replaceAll('-', ''), 'hex');
    for (const reject of rejects) {
      const row = binaryRow([
        loadId,
        int8(reject.record),
        int8(reject.line),
        reject.byteOffset === null ? null : int8(reject.byteOffset),
        this.#text(reject.column),
        this.#text(reject.code),
        this.#text(reject.sqlstate),
        this.#text(reject.reason.slice(0, REASON_CHARS).replace(/[\ud800-\udbff]$/, '')),
        this.#text(reject.excerpt),
        reject.raw,
        Buffer.from([reject.isWhole ? 1 : 0]),
      ]);
      this.#waiting.push(row);
      this.#waitingBytes += row.length;
    }
    this.#count += rejects.length;
    if (this.#waitingBytes >= FLUSH_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    if (this.#count === 0) return;
    await this.#flush();
    await this.#connection.query(
      `INSERT INTO ${this.#schema}.reject_set (load_id, rejects, preamble, spec)
       VALUES ($1, $2, $3, $4)`,
      [this.#loadId, this.#count, this.#set.preamble, JSON.stringify(this.#set.spec)],
    );
  }

  async #flush(): Promise<void> {
    const rows = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#connection.copyIn(
      `COPY ${this.#schema}.reject (load_id, record, line, byte_offset, column_name, code, sqlstate,
         reason, excerpt, raw, is_whole) FROM STDIN (FORMAT binary, ENCODING 'UTF8')`,
      async (sink) => {
        await sink.write(BINARY_HEADER);
        await sink.write(Buffer.concat(rows));
        await sink.write(BINARY_TRAILER);
      },
    );
  }

  /** A database of another encoding may not have all characters; the record itself is kept as bytes. */
  #text(text: string | null): Buffer | null {
    if (text === null) return null;
    const storable = text.replaceAll('\0', '\\x00');
    return Buffer.from(storableText(storable, this.#encoding));
  }
}

function int8(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

/** Source: PostgreSQL, "COPY, Binary Format". */
function binaryRow(values: readonly (Buffer | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.from([0, values.length])];
  for (const value of values) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value?.length ?? -1);
    parts.push(length);
    if (value !== null) parts.push(value);
  }
  return Buffer.concat(parts);
}

interface RejectRow {
  readonly record: bigint;
  readonly line: bigint;
  readonly byte_offset: bigint | null;
  readonly column_name: string | null;
  readonly code: ErrorCode;
  readonly sqlstate: string | null;
  readonly reason: string;
  readonly excerpt: string | null;
  readonly raw: Buffer;
  readonly is_whole: boolean;
}

/**
 * The rejects of a load in the order of its file, as they come.
 *
 * @param limit most of them. Default: all
 */
export async function* readRejects(
  connection: Connection,
  schema: string,
  loadId: string,
  limit?: number,
): AsyncGenerator<Reject, void, undefined> {
  const rows = connection.stream<RejectRow>(
    `SELECT record, line, byte_offset, column_name, code, sqlstate, reason, excerpt, raw, is_whole
       FROM ${quoteIdentifier(schema)}.reject WHERE load_id = $1 ORDER BY record LIMIT $2`,
    [loadId, limit ?? null],
  );
  for await (const row of rows) {
    yield {
      record: Number(row.record),
      line: Number(row.line),
      byteOffset: row.byte_offset === null ? null : Number(row.byte_offset),
      column: row.column_name,
      code: row.code,
      sqlstate: row.sqlstate,
      reason: row.reason,
      excerpt: row.excerpt,
      raw: row.raw,
      isWhole: row.is_whole,
    };
  }
}

/** What was kept with the rejects of a load; `undefined` when there are none, or none any more. */
export async function readRejectSet(
  connection: Connection,
  schema: string,
  loadId: string,
): Promise<(RejectSet & { readonly rejects: number }) | undefined> {
  const { rows } = await connection.query<{ rejects: bigint; preamble: Buffer; spec: unknown }>(
    `SELECT rejects, preamble, spec FROM ${quoteIdentifier(schema)}.reject_set WHERE load_id = $1`,
    [loadId],
  );
  const [row] = rows;
  return row && { ...row, rejects: Number(row.rejects) };
}

/**
 * Deletes the rejects of loads that were made before an age.
 *
 * @returns how many loads and rejects that were
 */
export async function pruneRejects(
  connection: Connection,
  schema: string,
  olderThanSeconds: number,
): Promise<{ readonly loads: number; readonly rejects: number }> {
  const quoted = quoteIdentifier(schema);
  const { rows } = await connection.query<{ loads: bigint; rejects: bigint }>(
    `WITH old AS (DELETE FROM ${quoted}.reject_set
                   WHERE kept_at < clock_timestamp() - make_interval(secs => $1) RETURNING load_id),
          gone AS (DELETE FROM ${quoted}.reject USING old
                    WHERE reject.load_id = old.load_id RETURNING 1)
     SELECT (SELECT count(*) FROM old) AS loads, (SELECT count(*) FROM gone) AS rejects`,
    [olderThanSeconds],
  );
  return { loads: Number(rows[0]?.loads ?? 0), rejects: Number(rows[0]?.rejects ?? 0) };
}
