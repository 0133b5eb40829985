import { CopylineError, type LoadSpec } from '@copyline/contracts';

import { inferTypes, type InferredColumn } from './csv/infer-types.ts';
import type { RowLayout } from './lanes/row-layout.ts';
import type { SourceFacts } from './plan/facts.ts';
import { mapFields } from './plan/map-fields.ts';
import { scannerOptions } from './plan/scanner-options.ts';
import type { LocalFile } from './source/local-file.ts';
import { errorInFile, openFeed } from './source/reading.ts';
import { WindowReader } from './source/window-reader.ts';

/** Reads a file for the types of its fields, for a table that is made of it. */
export async function inferColumns(
  spec: LoadSpec,
  source: SourceFacts,
  file: LocalFile,
  onProgress: (bytesRead: number) => void,
  signal: AbortSignal | undefined,
): Promise<InferredColumn[]> {
  const { fields, fieldNames } = mapFields(spec, source, undefined);
  const { reading } = source.head;
  const scanner = scannerOptions(spec, fieldNames.length, fieldNames, reading);
  const layout: RowLayout = {
    dialect: scanner.dialect,
    trim: spec.dialect.trim,
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
