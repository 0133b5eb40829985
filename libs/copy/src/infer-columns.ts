import type { LoadSpec } from '@copyline/contracts';

import { inferTypes, type InferredColumn } from './csv/infer-types.ts';
import { scannerOptions } from './plan/scanner-options.ts';
import type { LocalFile } from './source/local-file.ts';
import type { SourceHead } from './source/source-head.ts';

/** Reads a file for the types of its fields, for a table that is made of it. */
export async function inferColumns(
  spec: LoadSpec,
  head: SourceHead,
  file: LocalFile,
  onProgress: (bytesRead: number) => void,
  signal: AbortSignal | undefined,
): Promise<InferredColumn[]> {
  const columns = spec.columns ?? head.header;
  return inferTypes({
    file,
    scanner: scannerOptions(spec, columns?.length ?? head.firstRecordFields, columns),
    dialect: spec.dialect,
    dataStart: head.dataStart,
    skipRefused: spec.onError === 'continue',
    signal,
    onProgress,
  });
}
