import { asCopylineError, CopylineError } from '@copyline/contracts';
import { sqlstateOf, type Connection } from '@copyline/dws-client';

import type { ScanPosition } from './csv/scanning.ts';
import { encoderFor, type FieldEncoder } from './encode/index.ts';
import type { Execution } from './execution.ts';
import { CopyTrail } from './lanes/checkpoints.ts';
import { copyChunks, StagedChunks } from './lanes/copy-chunks.ts';
import { copyPieces, type CopiedRows } from './lanes/copy-pieces.ts';
import { csvPieces, type Piece } from './lanes/csv-pieces.ts';
import { endOf } from './lanes/next-piece.ts';
import { encodeValue } from './lanes/binary-rows.ts';
import { layoutOf, RECORD_NUMBER, type RowLayout } from './lanes/row-layout.ts';
import type { LoadCounts } from './load-progress.ts';
import { locateServerError } from './locate-error.ts';
import type { DecodedSet, DecodePlan } from './parquet/decode-plan.ts';
import { inParquet, parquetPieces } from './parquet/parquet-pieces.ts';
import type { ParquetPlan } from './plan/plan-parquet.ts';
import type { LanePlan } from './plan/plan-lane.ts';
import type { RejectPlan } from './plan/plan-rejects.ts';
import type { Reject } from './rejects/reject.ts';
import type { RejectLog } from './rejects/reject-log.ts';
import { ChunksWithout, RecordRefused } from './rejects/restart-without.ts';
import { RowStage } from './rejects/row-stage.ts';
import type { ContentDigest } from './source/content-digest.ts';
import { rejectInEncoding } from './source/encode-back.ts';
import { rejectInFile } from './source/json-lines/json-as-csv.ts';
import type { LocalFile } from './source/local-file.ts';
import { errorInFile, isReadAsItIs } from './source/reading.ts';

/** SQLSTATEs of a CREATE that met another one of the same name at the same time. */
const CREATED_MEANWHILE = new Set(['42P07', '42P06', '23505', '42710']);

/** Starts to make pieces of the source. @param onReject takes what is refused of them */
type Producer = (
  onReject: ((reject: Reject) => void) | undefined,
) => AsyncGenerator<Piece, void, undefined>;

/** What copying needs of a run. */
export type CopyRun = Pick<
  Execution,
  'plan' | 'facts' | 'loadId' | 'file' | 'connection' | 'recorder' | 'signal' | 'leftOut'
>;

/**
 * The rows themselves, inside the load's transaction: copied, counted and held against the source.
 *
 * @param log takes what is refused; in continue mode only
 * @throws CopylineError with its place in the source
 * @throws RecordRefused where the load must start again: see `restartWithout`
 */
export async function copyRecords(
  run: CopyRun,
  digest: ContentDigest | undefined,
  log: RejectLog | undefined,
): Promise<LoadCounts> {
  const { plan, facts, loadId, file, connection, recorder, signal } = run;
  for (const statement of plan.statementsBefore) await runBefore(connection, statement);
  recorder.enter('copy', file.version.bytes);
  const layout = layoutOf(plan, file.name, loadId);
  const { parquet } = plan;
  const produce: Producer =
    parquet === undefined
      ? (onReject) =>
          csvPieces({
            ...{ file, reading: plan.reading, scanner: plan.scanner, layout, digest, onReject },
            dataStart: facts.source.head.dataStart,
            encoders: encodersOf(plan.lane),
            plainForm: plan.lane.plainForm,
          })
      : (onReject) => {
          const decoding = decodePlan(parquet, plan.lane, layout, onReject !== undefined);
          return parquetPieces({ file, plan: decoding, digest, onReject, signal });
        };
  recorder.rejects = log?.first ?? [];
  const copied =
    plan.rejects === undefined || log === undefined
      ? await copyStrictly(run, produce)
      : await copyGoingOn(run, produce, plan.rejects, log);
  const { rowsStored, ...parsed } = copied;
  const rowsRejected = log?.count ?? 0;
  const rowsSuppressed = parsed.rowsParsed - rowsRejected - rowsStored;
  if (rowsSuppressed < 0 || (rowsSuppressed > 0 && !plan.rowsMayBeSuppressed)) {
    const refused = rowsRejected === 0 ? '' : ` of which ${String(rowsRejected)} were refused,`;
    throw new CopylineError(
      'COUNT_MISMATCH',
      `The file has ${String(parsed.rowsParsed)} records,${refused} the server stored ${String(rowsStored)} rows`,
      { source: file.name },
    );
  }
  if (log?.hasEnough !== true) await file.assertUnchanged(parsed.bytesRead);
  if (parsed.rowsParsed === 0) recorder.warn('NO_ROWS', 'The file has no records');
  return { ...parsed, rowsLoaded: rowsStored, rowsRejected, rowsSuppressed, digest: undefined };
}

/** The first refusal ends it. */
async function copyStrictly(
  { plan, file, connection, recorder, signal }: CopyRun,
  produce: Producer,
): Promise<CopiedRows> {
  const trail = new CopyTrail();
  const pieces = produce(undefined);
  try {
    return await copyPieces({
      pieces,
      statements: plan.copyStatements,
      connection,
      trail,
      signal,
      onProgress: (bytesRead, rowsParsed) => {
        recorder.progress(bytesRead, rowsParsed);
      },
    });
  } catch (error) {
    const known = await unlessChanged(asCopylineError(error), file);
    const located = known.located ? known : await locateServerError(known, file, plan, trail);
    throw errorInFile(located, plan.reading).with({ source: file.name });
  } finally {
    await endOf(pieces, signal);
  }
}

/** What is refused becomes a reject, and the load goes on. */
async function copyGoingOn(
  run: CopyRun,
  produce: Producer,
  { stage: stagePlan, statementBefore }: RejectPlan,
  log: RejectLog,
): Promise<CopiedRows> {
  const { plan, facts, file, connection, recorder, signal } = run;
  if (statementBefore !== undefined) await connection.query(statementBefore);
  const stage = stagePlan && new RowStage(connection, stagePlan, plan, signal);
  let refused: Reject[] = [];
  const pieces = produce((reject) => refused.push(reject));
  try {
    const copied = await copyChunks({
      pieces,
      takeRejects: () => {
        const taken = refused;
        refused = [];
        return taken;
      },
      store: stage
        ? new StagedChunks(connection, plan.copyStatements, stage, signal)
        : new ChunksWithout(run),
      log,
      // How many bytes the scanner will have read in all is known of a file that is read as it is.
      sourceBytes: isReadAsItIs(plan.reading) ? plan.reading.end : undefined,
      inFile: inFile(plan, facts.source.head.dataStart.lineEnd),
      signal,
      onProgress: (bytesRead, rowsParsed) => {
        recorder.progress(bytesRead, rowsParsed);
      },
    });
    // What was left for later, because a later row might have mended it, is judged now.
    if (stage && !log.hasEnough) await connection.query('SET CONSTRAINTS ALL IMMEDIATE');
    await stage?.drop();
    await log.finish();
    return copied;
  } catch (error) {
    if (error instanceof RecordRefused) throw error;
    throw (await unlessChanged(asCopylineError(error), file)).with({ source: file.name });
  } finally {
    await endOf(pieces, signal);
  }
}

/** What is wrong with a file that was written to while it was read may be that; it can be read again. */
async function unlessChanged(error: CopylineError, file: LocalFile): Promise<CopylineError> {
  const isOfFile =
    error.located || error.code === 'ARCHIVE_CORRUPT' || error.code.startsWith('PARQUET_');
  if (!isOfFile) return error;
  try {
    await file.assertUnchanged(file.version.bytes);
    return error;
  } catch (changed) {
    return asCopylineError(changed).with({ cause: error, commitState: error.commitState });
  }
}

/** A reject is one of the file, also where its record is made of something else. */
function inFile(
  { reading: { json, encoding }, parquet }: CopyRun['plan'],
  lineEnd: ScanPosition['lineEnd'],
): ((reject: Reject) => Reject) | undefined {
  if (parquet !== undefined) return inParquet(parquet.footer);
  const inText = json && ((reject: Reject) => rejectInFile(reject, json));
  if (encoding === 'utf-8') return inText;
  const ending = lineEnd === 'cr' ? '\r' : '\n';
  return (reject) => rejectInEncoding(inText?.(reject) ?? reject, encoding, ending);
}

/** The values that are set, as another thread can have them. */
function decodePlan(
  { footer, columns, truncatesNanoseconds }: ParquetPlan,
  { name, encoding, session }: LanePlan,
  { set }: RowLayout,
  keepsRejects: boolean,
): DecodePlan {
  const isBinary = name === 'binary';
  const decodedSet = set.map((value, i): DecodedSet => {
    const target = encoding[columns.length + i];
    if (value === RECORD_NUMBER) {
      return { kind: 'record', target: target ?? { name: 'text', kind: 'base', typmod: -1 } };
    }
    const encoder = target && encoderFor(target, session);
    const cell = encoder && encodeValue(value, encoder);
    return { kind: 'value', text: value, cell: Buffer.isBuffer(cell) ? cell : undefined };
  });
  return {
    ...{ footer, columns, set: decodedSet, isBinary, keepsRejects, session, truncatesNanoseconds },
  };
}

/** @returns undefined outside the binary lane */
function encodersOf({ name, encoding, session }: LanePlan): FieldEncoder[] | undefined {
  if (name !== 'binary') return undefined;
  return encoding.map((type) => {
    const encoder = encoderFor(type, session);
    if (encoder === undefined) throw new CopylineError('INTERNAL', `No encoder for ${type.name}`);
    return encoder;
  });
}

async function runBefore(connection: Connection, statement: string): Promise<void> {
  try {
    await connection.query(statement);
  } catch (cause) {
    if (!CREATED_MEANWHILE.has(sqlstateOf(cause) ?? '')) throw cause;
    throw new CopylineError('TABLE_CHANGED', 'The table was created by somebody else meanwhile', {
      cause,
    });
  }
}
