import { CopylineError, type ExtractSpec } from '@copyline/contracts';
import { Rollback, untilAborted, type Connection } from '@copyline/dws-client';

import { asQueryError, gatherExtractFacts } from './extract-facts.ts';
import type { ExtractRecorder } from './extract-recorder.ts';
import { OutputFile } from './output-file.ts';
import type { ContentForm, Output } from './output.ts';
import { BinaryFrame } from './parquet/binary-frame.ts';
import { planExtract, sessionStatements, type ExtractPlan } from './plan-extract.ts';
import { cancelOnAbort, type StopSignal } from './stop-signal.ts';

export interface Reading {
  readonly connection: Connection;
  readonly output: Output;
  readonly recorder: ExtractRecorder;
  readonly stop: StopSignal;
}

/**
 * Plans an extract and moves its rows into the output, all in one transaction: what was looked up
 * is what is read. Whatever happens, that transaction is rolled back, or, inside one of the caller's,
 * its savepoint: nothing was written, and the settings that were made for it end with it.
 *
 * @returns the plan, and the rows as the server has counted them
 */
export async function readRows(
  spec: ExtractSpec,
  reading: Reading,
): Promise<{ readonly plan: ExtractPlan; readonly rows: number }> {
  const { connection, recorder, stop } = reading;
  const isInside = connection.transactionStatus === 'in-transaction';
  let result: { readonly plan: ExtractPlan; readonly rows: number } | undefined;
  await cancelOnAbort(connection, stop.signal, (disarm) =>
    connection.transaction(
      async (block) => {
        try {
          recorder.enter('inspect');
          await connection.queryAll(sessionStatements(spec, isInside).join('; '));
          stop.throwIfStopped();
          const plan = planExtract(spec, await gatherExtractFacts(spec, connection));
          recorder.table = plan.description.source.table;
          recorder.warn(...plan.warnings);
          result = { plan, rows: await copy(plan, reading) };
        } finally {
          disarm();
        }
        throw new Rollback(block);
      },
      isInside ? {} : { isolation: 'repeatable read', readOnly: true },
    ),
  );
  if (result === undefined) throw new CopylineError('INTERNAL', 'The rows were not read');
  return result;
}

async function copy(
  plan: ExtractPlan,
  { connection, output, recorder, stop: { signal } }: Reading,
): Promise<number> {
  const out = connection.copyOut(plan.copyStatement, {
    rowAligned: output.isSplit || plan.form.format === 'parquet',
    signal,
    savepoint: false, // the block around it is ours, and is rolled back as a whole
  });
  const form = await contentForm(plan);
  const headers = form.hasHeader ? 1 : 0;
  const frame = plan.form.format === 'parquet' ? new BinaryFrame() : undefined;
  const rowsReceived = (): number => frame?.rows ?? Math.max(0, out.rowsReceived - headers);
  await output.begin(form);
  recorder.enter('copy');
  let bytes = 0;
  try {
    for await (const piece of out) {
      bytes += piece.length;
      const rows = frame?.rowsOf(piece, out.rowEnds) ?? { bytes: piece, rowEnds: out.rowEnds };
      const room = output.put(rows.bytes, rows.rowEnds);
      recorder.progress(rowsReceived(), bytes);
      if (room !== undefined) await untilAborted(room, signal);
    }
  } catch (error) {
    recorder.progress(rowsReceived(), bytes);
    throw asQueryError(error);
  }
  recorder.progress(rowsReceived(), bytes);
  if (out.rowCount === rowsReceived()) return out.rowCount;
  throw new CopylineError(
    'COUNT_MISMATCH',
    `The server has counted ${String(out.rowCount)} rows, ${String(rowsReceived())} have come`,
  );
}

async function contentForm({ form }: ExtractPlan): Promise<ContentForm> {
  if (form.format === 'csv') {
    const { hasHeader, header, compression } = form;
    return { hasHeader, header, open: (target) => OutputFile.open(target, compression) };
  }
  // Only when it is wanted: every other command starts sooner without.
  const { openCodec, ParquetFile } = await import('./parquet/index.ts');
  const codec = await openCodec(form.compression);
  return {
    hasHeader: false,
    open: async (target, rowsBefore) => {
      // Its pages are packed; the file as a whole is not.
      const store = await OutputFile.open(target, 'none');
      return new ParquetFile(store, form.columns, codec, rowsBefore);
    },
  };
}
