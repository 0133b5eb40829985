import { asCopylineError } from '@copyline/contracts';

import type { Execution } from '../execution.ts';
import type { LedgerPlan, LoadPlan } from '../plan/plan-load.ts';
import type { LoadFacts } from '../plan/facts.ts';
import type { LocalFile } from '../source/local-file.ts';
import type { LoadRecorder } from '../load-progress.ts';
import { csvRecord } from '../parquet/csv-record.ts';
import { encodeBack } from '../source/encode-back.ts';
import { openText, readContent } from '../source/reading.ts';
import { RejectAllowance } from './reject.ts';
import { RejectFiles, removeRejectFiles, writeRejectFiles } from './reject-files.ts';
import { RejectLog, type RejectLogOptions, type RejectStore } from './reject-log.ts';
import { readRejects, readRejectSet, RejectTable } from './reject-table.ts';

/** What takes the rejects of a load; `undefined` for one that ends with the first refusal. */
export function rejectLog(
  { rejects, columns }: LoadPlan,
  store: RejectStore | undefined,
  options?: RejectLogOptions,
): RejectLog | undefined {
  if (rejects === undefined) return undefined;
  return new RejectLog(store, new RejectAllowance(rejects.limit, columns.length), options);
}

/** The reject table, for a load in continue mode with a ledger. */
export async function openRejectTable({
  plan,
  spec,
  facts,
  file,
  connection,
  loadId,
}: Execution): Promise<RejectTable | undefined> {
  if (plan.rejects === undefined || plan.ledger === undefined) return undefined;
  const preamble = await readPreamble(file, facts.source.head);
  const { source: _source, rejectsFile: _file, ...described } = spec;
  const { format } = facts.source.head.reading;
  // A file of rejects may begin with a line that is not what the source was told by; those of Parquet are CSV.
  const kept = { ...described, format: format === 'parquet' ? ('csv' as const) : format };
  return new RejectTable(
    connection,
    { schema: plan.ledger.schema, loadId, serverEncoding: plan.session.serverEncoding },
    { preamble, spec: kept },
  );
}

/** The files for the rejects of a load that has no table for them: written before COMMIT. */
export async function openRejectFiles({
  plan,
  facts,
  file,
}: Pick<Execution, 'plan' | 'facts' | 'file'>): Promise<RejectFiles | undefined> {
  const path = plan.rejects?.file;
  if (path === undefined) return undefined;
  const preamble = await readPreamble(file, facts.source.head);
  return RejectFiles.create(path, file.name, preamble);
}

/**
 * Publishes the files of a load that is committed and has its rejects nowhere else. The load is done
 * whatever becomes of them: a failure is a warning, and what was written is kept.
 */
export async function publishOnlyRejects(
  recorder: LoadRecorder,
  files: RejectFiles,
): Promise<void> {
  try {
    await files.publish();
  } catch (error) {
    const { message } = asCopylineError(error);
    if (files.isEmpty) warnOfEarlier(recorder, message);
    else await keepOnlyRejects(recorder, files, message);
  }
}

/** Leaves rejects where they have been written: their rows may be stored, and nothing else has them. */
export async function keepOnlyRejects(
  recorder: LoadRecorder,
  files: RejectFiles,
  reason: string,
): Promise<void> {
  if (files.isEmpty) return files.discard();
  const places = files.unnamed.length === 0 ? 'there' : `kept as ${files.unnamed.join(' and ')}`;
  recorder.warn('REJECTS_NOT_PUBLISHED', `The files of rejects are ${places}, but: ${reason}`);
}

function warnOfEarlier(recorder: LoadRecorder, reason: string): void {
  const message = `There are no rejects, but those of an earlier load are still there: ${reason}`;
  recorder.warn('REJECTS_NOT_REMOVED', message);
}

/**
 * Renders the rejects of a load that is committed, if a file for them was asked for; without rejects there
 * is none. The load is done whatever becomes of the file: a failure is a warning.
 */
export async function publishRejects(
  { spec, file, connection, connect, recorder }: Execution,
  { schema }: LedgerPlan,
  { loadId, rowsRejected }: { readonly loadId: string; readonly rowsRejected: number },
): Promise<void> {
  const path = spec.rejectsFile;
  if (path === undefined) return;
  if (rowsRejected === 0) {
    return removeRejectFiles(path).catch((error: unknown) => {
      warnOfEarlier(recorder, asCopylineError(error).message);
    });
  }
  try {
    const own = connection.isUsable ? undefined : await connect();
    const reader = own ?? connection;
    try {
      const set = await readRejectSet(reader, schema, loadId);
      if (set === undefined) {
        recorder.warn('REJECTS_GONE', 'The rejects of the load are not in the ledger any more');
        return;
      }
      await writeRejectFiles(path, file.name, set.preamble, readRejects(reader, schema, loadId));
    } finally {
      await own?.close();
    }
  } catch (cause) {
    recorder.warn(
      'REJECTS_NOT_WRITTEN',
      `The file of rejects was not written (${asCopylineError(cause).message}); again with: copyline rejects ${loadId} --to FILE`,
    );
  }
}

async function readPreamble(
  file: LocalFile,
  { header = [], dataStart, reading }: LoadFacts['source']['head'],
): Promise<Buffer> {
  if (reading.format === 'parquet') return Buffer.from(csvRecord(header));
  const preamble = Buffer.alloc(dataStart.byteOffset);
  const { encoding, bomBytes } = reading;
  if (encoding === 'utf-8') {
    return preamble.subarray(0, await readContent(file, reading, preamble, 0));
  }
  // Its offsets are those of the text behind the byte order mark.
  const mark = Buffer.alloc(bomBytes);
  await readContent(file, reading, mark, 0);
  await openText(file, reading).read(preamble, 0, preamble.length);
  return Buffer.concat([mark, encodeBack(preamble, encoding)]);
}
