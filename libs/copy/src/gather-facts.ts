import type { LoadSpec } from '@copyline/contracts';
import type { Connection } from '@copyline/dws-client';

import { dialectBytes } from './csv/dialect.ts';
import { inferTypes } from './csv/infer-types.ts';
import { Ledger } from './ledger/ledger.ts';
import { openLedger } from './ledger/open-ledger.ts';
import type { LoadRecorder } from './load-progress.ts';
import {
  readSchemaExists,
  readSessionFacts,
  readTableFacts,
  type LoadFacts,
  type SourceFacts,
} from './plan/facts.ts';
import type { TableName } from './plan/table-name.ts';
import type { LocalFile } from './source/local-file.ts';
import { readSourceHead } from './source/source-head.ts';

/** Asks the source, the target and the ledger for everything that a plan depends on. */
export async function gatherFacts(
  spec: LoadSpec,
  tableName: TableName,
  {
    connection,
    file,
    recorder,
    signal,
  }: {
    readonly connection: Connection;
    readonly file: LocalFile;
    readonly recorder: LoadRecorder;
    readonly signal: AbortSignal | undefined;
  },
): Promise<LoadFacts> {
  const head = await readSourceHead(file, spec.dialect, spec.maxRecordBytes);
  const source = { name: file.name, canonical: file.canonical, version: file.version, head };
  const session = await readSessionFacts(connection);
  const table = await readTableFacts(connection, tableName);
  const schema = table?.schema ?? tableName.schema ?? session.currentSchema;
  const schemaExists = schema === undefined || (await readSchemaExists(connection, schema));
  let ledger: LoadFacts['ledger'];
  if (spec.ledger === 'target' && (table !== undefined || spec.create)) {
    await openLedger(connection, spec.ledgerSchema);
    const { bytes } = file.version;
    ledger = await new Ledger(connection, spec.ledgerSchema).readFacts(
      table?.oid ?? 0,
      file.canonical,
      spec.slot,
      bytes,
    );
  }
  const isNew = table === undefined && spec.create;
  const inferred = isNew ? await readTypes(spec, source, file, recorder, signal) : undefined;
  return { session, table, schemaExists, source, ledger, inferred };
}

async function readTypes(
  spec: LoadSpec,
  source: SourceFacts,
  file: LocalFile,
  recorder: LoadRecorder,
  signal: AbortSignal | undefined,
): ReturnType<typeof inferTypes> {
  recorder.enter('infer types', file.version.bytes);
  const columns = spec.columns ?? source.head.header;
  const fieldCount = columns?.length ?? source.head.firstRecordFields;
  return inferTypes({
    file,
    scanner: {
      dialect: dialectBytes(spec.dialect),
      fieldCount,
      columns,
      maxRecordBytes: spec.maxRecordBytes,
      blankLines: spec.dialect.skipBlankLines ? 'skip' : fieldCount === 1 ? 'record' : 'trailing',
    },
    dialect: spec.dialect,
    dataStart: source.head.dataStart,
    signal,
    onProgress: (bytesRead) => {
      recorder.progress(bytesRead, 0);
    },
  });
}
