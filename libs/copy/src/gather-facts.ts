import type { LoadSpec } from '@copyline/contracts';
import type { Connection } from '@copyline/dws-client';

import { inferColumns } from './infer-columns.ts';
import { Ledger } from './ledger/ledger.ts';
import { openLedger } from './ledger/open-ledger.ts';
import type { LoadRecorder } from './load-progress.ts';
import {
  readSchemaExists,
  readSessionFacts,
  readTableFacts,
  type LoadFacts,
} from './plan/facts.ts';
import { readRejectFacts } from './plan/reject-facts.ts';
import type { TableName } from './plan/table-name.ts';
import { withKeys } from './source/json-lines/read-keys.ts';
import type { LocalFile } from './source/local-file.ts';
import { readSourceHead } from './source/source-head.ts';

/** Asks the source, the target and the ledger for everything that a plan depends on. */
export async function gatherFacts(
  spec: LoadSpec,
  tableName: TableName,
  {
    connection,
    file,
    canonical,
    recorder,
    signal,
  }: {
    readonly connection: Connection;
    readonly file: LocalFile;
    /** What the ledger knows the source by. */
    readonly canonical: string;
    readonly recorder: LoadRecorder;
    readonly signal: AbortSignal | undefined;
  },
): Promise<LoadFacts> {
  const start = await readSourceHead(file, spec);
  const session = await readSessionFacts(connection);
  const table = await readTableFacts(connection, tableName);
  const isJson = start.reading.format === 'jsonl';
  const head = isJson ? await withKeys(file, spec, start, table?.columns, signal) : start;
  const source = { name: file.name, canonical, version: file.version, head };
  const schema = table?.schema ?? tableName.schema ?? session.currentSchema;
  const schemaExists = schema === undefined || (await readSchemaExists(connection, schema));
  let ledger: LoadFacts['ledger'];
  if (spec.ledger === 'target' && (table !== undefined || spec.create)) {
    await openLedger(connection, spec.ledgerSchema);
    const { bytes } = file.version;
    ledger = await new Ledger(connection, spec.ledgerSchema).readFacts(
      table?.oid ?? 0,
      canonical,
      spec.slot,
      bytes,
    );
  }
  const isNew = table === undefined && spec.create;
  if (isNew) recorder.enter('infer types', file.version.bytes);
  const onProgress = (bytesRead: number): void => {
    recorder.progress(bytesRead, 0);
  };
  const columns = isNew ? await inferColumns(spec, source, file, onProgress, signal) : undefined;
  const inferred = columns?.map(({ type }) => type);
  // What is about the stage is asked where there can be one; other servers may not know the SQL.
  const mayStage = spec.onError === 'continue' && session.can.copyUnderSavepoint;
  const rejects = mayStage ? await readRejectFacts(connection, table?.oid ?? 0) : undefined;
  return { session, table, schemaExists, source, ledger, inferred, rejects };
}
