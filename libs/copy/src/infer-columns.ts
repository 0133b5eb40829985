import { CopylineError, type LoadSpec } from '@copyline/contracts';

import type { TableType } from './csv/column-types.ts';
import { inferTypes, type Evidence } from './csv/infer-types.ts';
import type { RowLayout } from './lanes/row-layout.ts';
import { columnTypeOf, columnTypeText } from './parquet/column-type.ts';
import type { SourceFacts } from './plan/facts.ts';
import { mapFields } from './plan/map-fields.ts';
import { scannerOptions } from './plan/scanner-options.ts';
import type { LocalFile } from './source/local-file.ts';
import { errorInFile, openFeed } from './source/reading.ts';
import { WindowReader } from './source/window-reader.ts';

/** The type of a column that is made, and why it is that one. */
export interface ColumnInference {
  readonly type: TableType;
  readonly because: Evidence | undefined;
  /** What the file itself says that the column is; not of CSV. */
  readonly fileType?: string;
}

/** Reads a file for the types of its fields, for a table that is made of it. */
export async function inferColumns(
  spec: LoadSpec,
  source: SourceFacts,
  file: LocalFile,
  onProgress: (bytesRead: number) => void,
  signal: AbortSignal | undefined,
): Promise<ColumnInference[]> {
  const { parquet } = source.head;
  if (parquet !== undefined) {
    return parquet.columns.map((node) => ({
      ...{ type: columnTypeOf(node), because: undefined, fileType: columnTypeText(node) },
    }));
  }
  const { fields, fieldNames } = mapFields(spec, source, undefined);
  const { reading } = source.head;
  const scanner = scannerOptions(spec, fieldNames.length, fieldNames, reading);
  const layout: RowLayout = {
    dialect: scanner.dialect,
    fields,
    set: [],
  };
  try {
    const { dataStart } = source.head;
    const reader = new WindowReader(openFeed(file, reading, dataStart.byteOffset));
    const skipRefused = spec.onError === 'continue';
    const how = { skipRefused, signal, onProgress };
    const inferred = await inferTypes({ reader, scanner, layout, dataStart, ...how });
    // Behind the fields there may be the line itself.
    return inferred.slice(0, fieldNames.length);
  } catch (error) {
    throw error instanceof CopylineError ? errorInFile(error, reading) : error;
  }
}
