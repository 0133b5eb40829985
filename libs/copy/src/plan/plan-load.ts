import {
  CopylineError,
  type ColumnsReport,
  type LoadSpec,
  type Warning,
} from '@copyline/contracts';
import { quoteIdentifier, quoteTable } from '@copyline/dws-client';
import { createHash } from 'node:crypto';

import { likelyDelimiter } from '../csv/delimiter-advice.ts';
import { copyOptions, escapeOf } from '../csv/dialect.ts';
import type { ScannerOptions } from '../csv/scanning.ts';
import type { CopyForm } from '../lanes/checkpoints.ts';
import type { DoneLoad } from '../ledger/ledger-records.ts';
import type { Reading } from '../source/reading.ts';
import type { FileVersion } from '../source/local-file.ts';
import type { LoadFacts, SessionFacts, TableFacts } from './facts.ts';
import { assertLoadable } from './assert-loadable.ts';
import { createdTypes, createTable } from './create-table.ts';
import { columnsOf, columnsReport, mapFields, type ColumnMapping } from './map-fields.ts';
import { list } from './column-names.ts';
import { scannerOptions } from './scanner-options.ts';
import { planLane, type LanePlan } from './plan-lane.ts';
import { planParquet, type ParquetPlan } from './plan-parquet.ts';
import { planRejects, type RejectPlan } from './plan-rejects.ts';
import type { TableName } from './table-name.ts';

/**
 * A loader that is gone without a word, with its machine or its network, would keep its locks for as long
 * as the server's system waits for it: two hours, as a rule. So the server asks after a minute of
 * silence, and gives it up after another one. A Unix socket takes no notice.
 */
const NOTICE_LOST_CLIENT =
  'SET LOCAL tcp_keepalives_idle = 60; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 6';

/** Version of what goes into a fingerprint; part of it, so that a new list never matches an old one. */
const FINGERPRINT_VERSION = 1;

/** Everything that is decided about a load before the first row moves. Plain data. */
export interface LoadPlan {
  readonly target: {
    readonly schema: string;
    readonly name: string;
    /** 0 when the load creates the table. */
    readonly oid: number;
    readonly created: boolean;
  };
  /** The columns of the COPY: those of the fields, then those that are set. */
  readonly columns: readonly string[];
  readonly mapping: ColumnMapping;
  readonly columnsReport: ColumnsReport;
  readonly lane: LanePlan;
  readonly reading: Reading;
  /** How the columns of a Parquet file are read; `undefined` of any other. */
  readonly parquet: ParquetPlan | undefined;
  readonly scanner: ScannerOptions;
  /** Run in this order in the load's transaction, before COPY. */
  readonly statementsBefore: readonly string[];
  readonly copyStatements: Readonly<Record<CopyForm, string>>;
  readonly guarantee: 'exactly-once' | 'at-least-once';
  /** Whether a trigger may keep rows out, so that fewer rows than parsed are no fault. */
  readonly rowsMayBeSuppressed: boolean;
  readonly ledger: LedgerPlan | undefined;
  /** Continue mode; without it the first refusal ends the load. */
  readonly rejects: RejectPlan | undefined;
  readonly session: SessionFacts;
  readonly warnings: readonly Warning[];
}

/** How the ledger is used. */
export interface LedgerPlan {
  readonly schema: string;
  readonly generation: bigint;
  /** What changes the stored data, as a digest: the same content with another one is refused. */
  readonly fingerprint: string;
  /** The load that answers this one without reading the file. */
  readonly answer: DoneLoad | undefined;
  /** Whether hashing the file first may save the load. */
  readonly hashFirst: boolean;
  readonly forced: boolean;
}

/**
 * Decides how a load is run. Pure: the same specification and facts give the same plan.
 *
 * @throws CopylineError what can be known to fail: a missing table, a header that disagrees, an
 *   empty source, a content that was loaded with other settings
 */
export function planLoad(spec: LoadSpec, table: TableName, facts: LoadFacts): LoadPlan {
  const { source } = facts;
  if (!spec.allowEmpty) assertContent(spec, source);
  if (facts.table === undefined && !spec.create) throw tableNotFound(spec.into, facts.session);

  const mapping = mapFields(spec, source, facts.table?.columns);
  const target = planTarget(table, facts);
  const columns = columnsOf(mapping);
  assertLoadable(facts.table, columns);
  const fingerprint = fingerprintOf(spec, source.head.reading, mapping, columns);
  const ledger = planLedger(spec, facts, fingerprint);
  const reading = readingOf(facts, mapping);
  return {
    target,
    columns,
    mapping,
    columnsReport: columnsReport(mapping),
    lane: planLane(spec, facts, mapping),
    reading,
    parquet: planParquet(spec, facts, mapping),
    scanner: scannerOptions(spec, mapping.fieldNames.length, mapping.fieldNames, reading),
    statementsBefore: [
      NOTICE_LOST_CLIENT,
      ...(facts.session.synchronousCommit === 'off' ? ['SET LOCAL synchronous_commit = on'] : []),
      ...createStatements(target, mapping, facts),
    ],
    copyStatements: copyStatements(spec, target, columns),
    guarantee: guaranteeOf(ledger, facts.table),
    rowsMayBeSuppressed: facts.table?.hasRowTrigger ?? false,
    ledger,
    rejects: planRejects(spec, facts, target, mapping),
    session: facts.session,
    warnings: planWarnings(spec, facts, mapping),
  };
}

/** Whether two versions are the same file in the same state, as far as can be known without reading. */
export function sameVersion(a: FileVersion, b: FileVersion): boolean {
  return (
    a.bytes === b.bytes &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs &&
    a.inode === b.inode
  );
}

/** @throws CopylineError `ALREADY_LOADED_DIFFERENTLY` */
export function assertSameFingerprint(done: DoneLoad, fingerprint: string): void {
  if (done.fingerprint === fingerprint) return;
  throw new CopylineError(
    'ALREADY_LOADED_DIFFERENTLY',
    `The content was loaded by ${done.loadId} with other columns or another dialect`,
  );
}

/** @throws CopylineError `EMPTY_SOURCE` */
function assertContent(spec: LoadSpec, { head, name }: LoadFacts['source']): void {
  const { isEmpty } = head;
  if (!isEmpty && !(spec.dialect.header && head.header === undefined)) return;
  throw new CopylineError(
    'EMPTY_SOURCE',
    isEmpty
      ? 'The source has no content'
      : head.reading.format === 'jsonl'
        ? 'The source has no object with a key'
        : 'The source has no header, only lines that are skipped',
    { source: name },
  );
}

/** In columns of JSON, the values of JSON Lines are stored as they are written. */
function readingOf({ source, table }: LoadFacts, { fields }: ColumnMapping): Reading {
  const { reading } = source.head;
  if (reading.json === undefined) return reading;
  const types = new Map(table?.columns.map(({ name, valueType }) => [name, valueType.name]));
  const isJson = fields.map((field) => /^jsonb?$/.test(types.get(field?.column ?? '') ?? ''));
  return { ...reading, json: { ...reading.json, isJson } };
}

function planTarget(table: TableName, facts: LoadFacts): LoadPlan['target'] {
  if (facts.table !== undefined) {
    const { schema, name, oid } = facts.table;
    return { schema, name, oid, created: false };
  }
  const schema = table.schema ?? facts.session.currentSchema ?? 'public';
  return { schema, name: table.name, oid: 0, created: true };
}

function createStatements(
  target: LoadPlan['target'],
  mapping: ColumnMapping,
  facts: LoadFacts,
): string[] {
  if (!target.created) return [];
  const types = createdTypes(mapping, facts.inferred);
  return [
    // Even IF NOT EXISTS asks for the privilege to create schemas: only where there is none.
    ...(facts.schemaExists ? [] : [`CREATE SCHEMA ${quoteIdentifier(target.schema)}`]),
    createTable(target, columnsOf(mapping), types),
  ];
}

function copyStatements(
  spec: LoadSpec,
  target: LoadPlan['target'],
  columns: readonly string[],
): LoadPlan['copyStatements'] {
  const copy = `COPY ${quoteTable(target)} (${columns.map(quoteIdentifier).join(', ')}) FROM STDIN`;
  return {
    binary: `${copy} (FORMAT binary, ENCODING 'UTF8')`,
    // Tab and \N are what COPY's text form has by default.
    text: `${copy} (FORMAT text, ENCODING 'UTF8')`,
    csv: `${copy} ${copyOptions(spec.dialect)}`,
  };
}

function planLedger(spec: LoadSpec, facts: LoadFacts, fingerprint: string): LedgerPlan | undefined {
  const { ledger, source } = facts;
  if (ledger === undefined) return undefined;
  const last = ledger.lastOfSource;
  const isSame = last !== undefined && sameVersion(last.version, source.version);
  const answer = isSame && !spec.force ? last : undefined;
  if (answer !== undefined) assertSameFingerprint(answer, fingerprint);
  return {
    schema: spec.ledgerSchema,
    generation: ledger.generation,
    fingerprint,
    answer,
    hashFirst: answer === undefined && !spec.force && ledger.sameSizeKnown,
    forced: spec.force,
  };
}

/**
 * What decides how the same bytes are stored: the columns in the fields' order, which fields are left
 * out, the values that are set, and how fields, NULLs and the header are told. The DateStyle and TimeZone of the session are recorded with the
 * load, but are not part of it.
 */
function fingerprintOf(
  spec: LoadSpec,
  { encoding, format }: Reading,
  { fields, set }: ColumnMapping,
  columns: readonly string[],
): string {
  const { delimiter, quote, header, skipLines, skipBlankLines, trim } = spec.dialect;
  const { comment, relaxedQuotes, skipFooter } = spec.dialect;
  const hasOwnNulls = Object.keys(spec.mapping.nulls).length > 0;
  const parts = {
    version: FINGERPRINT_VERSION,
    format,
    columns,
    dialect: [
      delimiter,
      quote,
      escapeOf(spec.dialect),
      spec.dialect.null,
      header,
      skipLines,
      skipBlankLines,
    ],
    ...(format === 'parquet' ? { parquet: spec.parquet } : {}),
    // Only what a load has beyond fields that become columns: without it, older entries still match.
    ...(trim === 'none' ? {} : { trim }),
    ...(encoding === 'utf-8' ? {} : { encoding }),
    ...(comment === undefined ? {} : { comment }),
    ...(relaxedQuotes ? { relaxedQuotes } : {}),
    ...(skipFooter === 0 ? {} : { skipFooter }),
    ...(hasOwnNulls || fields.includes(undefined)
      ? { fields: fields.map((field) => field && { column: field.column, nulls: field.nulls }) }
      : {}),
    ...(Object.keys(spec.mapping.trims).length === 0
      ? {}
      : { trims: fields.map((field) => field?.trim) }),
    ...(set.length === 0 ? {} : { set }),
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function guaranteeOf(
  ledger: LedgerPlan | undefined,
  table: TableFacts | undefined,
): LoadPlan['guarantee'] {
  // What an unlogged or a foreign table holds does not share the fate of the ledger's COMMIT.
  const sharesCommit = table?.unlogged !== true && table?.kind !== 'foreign table';
  return ledger !== undefined && sharesCommit ? 'exactly-once' : 'at-least-once';
}

function planWarnings(spec: LoadSpec, facts: LoadFacts, mapping: ColumnMapping): Warning[] {
  const warnings: Warning[] = mapping.notes.map((message) => ({ code: 'COLUMN_RENAMED', message }));
  const { extra, missing } = mapping;
  if (extra.length > 0) {
    const message = `Not loaded, because no column has the name: ${list(extra)}`;
    warnings.push({ code: 'COLUMNS_SKIPPED', message });
  }
  if (missing.length > 0) {
    const message = `Not in the file, and therefore NULL: ${list(missing)}`;
    warnings.push({ code: 'COLUMNS_MISSING', message });
  }
  const { table, source } = facts;
  if (table?.unlogged === true) {
    warnings.push({
      code: 'TARGET_UNLOGGED',
      message: 'The table is UNLOGGED: a crash of the server empties it, the ledger stays',
    });
  }
  if (spec.onError === 'continue' && table?.hasStatementTrigger === true) {
    warnings.push({
      code: 'STATEMENT_TRIGGER',
      message: 'Triggers that fire once for each statement fire several times in continue mode',
    });
  }
  if (table?.kind === 'view') {
    warnings.push({
      code: 'TARGET_VIEW',
      message: 'The table is a view: the rows counted are those that its trigger was given',
    });
  }
  if (table?.kind === 'foreign table') {
    warnings.push({
      code: 'TARGET_FOREIGN',
      message: 'The table is foreign: what it stores does not share the fate of the ledger',
    });
  }
  const [only] = source.head.header ?? [];
  const isCsv = source.head.parquet === undefined;
  const advice = isCsv && mapping.fields.length === 1 ? likelyDelimiter(only ?? '') : undefined;
  if (advice !== undefined) {
    warnings.push({ code: 'ONE_COLUMN', message: `The file has a single column. ${advice}` });
  }
  return warnings;
}

function tableNotFound(into: string, session: SessionFacts): CopylineError {
  return new CopylineError(
    'TABLE_NOT_FOUND',
    `The table ${into} does not exist in the database ${session.database}`,
  );
}
