import type { LoadSpec } from '@copyline/contracts';

import { inferTypes, type InferredColumn } from './csv/infer-types.ts';
import type { RowLayout } from './lanes/row-layout.ts';
import type { SourceFacts } from './plan/facts.ts';
import { mapFields } from './plan/map-fields.ts';
import { scannerOptions } from './plan/scanner-options.ts';
import type { LocalFile } from './source/local-file.ts';

/** Reads a file for the types of its fields, for a table that is made of it. */
export async function inferColumns(
  spec: LoadSpec,
  source: SourceFacts,
  file: LocalFile,
  onProgress: (bytesRead: number) => void,
  signal: AbortSignal | undefined,
): Promise<InferredColumn[]> {
  const { fields, fieldNames } = mapFields(spec, source, undefined);
  const scanner = scannerOptions(spec, fieldNames.length, fieldNames);
  const layout: RowLayout = {
    dialect: scanner.dialect,
    trim: spec.dialect.trim,
    fields,
    set: [],
  };
  return inferTypes({
    file,
    scanner,
    layout,
    dataStart: source.head.dataStart,
    skipRefused: spec.onError === 'continue',
    signal,
    onProgress,
  });
}
