import { CopylineError, type LoadSpecInput } from '@copyline/contracts';

import type { Evidence } from './csv/infer-types.ts';
import { inferColumns } from './infer-columns.ts';
import type { LoadProgress } from './load-progress.ts';
import { columnDefinition, createdTypes, createTable } from './plan/create-table.ts';
import { columnsOf, mapFields } from './plan/map-fields.ts';
import { parseTableName } from './plan/table-name.ts';
import { parseSpec } from './run-load.ts';
import { withKeys } from './source/json-lines/read-keys.ts';
import { LocalFile } from './source/local-file.ts';
import { readSourceHead } from './source/source-head.ts';

/** The table that a load with `create` would make. */
export interface TableDescription {
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    /** As it stands in `sql`: the quoted name and the type. */
    readonly definition: string;
    /** The value that has decided the type; `undefined` for a column without a single value. */
    readonly because: Evidence | undefined;
    /** What the file itself says that the column is; not of CSV. */
    readonly fileType?: string;
  }[];
  /** The CREATE TABLE, on one line. */
  readonly sql: string;
}

/**
 * Reads a file, and nothing else, for the table that a load with `create` would make of it.
 *
 * @throws CopylineError `CONFIG_INVALID`, a fault of the source or of a record, with its place
 */
export async function describeTable(
  input: LoadSpecInput,
  onProgress: (progress: LoadProgress) => void,
  signal?: AbortSignal,
): Promise<TableDescription> {
  const spec = parseSpec(input);
  const table = parseTableName(spec.into);
  await using file = await LocalFile.open(spec.source);
  try {
    const start = await readSourceHead(file, spec);
    const isJson = start.reading.format === 'jsonl';
    const head = isJson ? await withKeys(file, spec, start, undefined, signal) : start;
    const source = { name: file.name, canonical: file.canonical, version: file.version, head };
    const mapping = mapFields(spec, source, undefined);
    const bytesTotal = file.version.bytes;
    const inferred = await inferColumns(
      spec,
      source,
      file,
      (bytesRead) => {
        onProgress({
          ...{ phase: 'infer types', bytesRead, bytesTotal },
          ...{ rowsParsed: 0, isCommitting: false },
        });
      },
      signal,
    );
    const names = columnsOf(mapping);
    const types = createdTypes(
      mapping,
      inferred.map(({ type }) => type),
    );
    const evidence = inferred.filter((_, i) => mapping.fields[i] !== undefined);
    const columns = names.map((name, i) => {
      const type = types[i] ?? 'text';
      const { because, fileType } = evidence[i] ?? { because: undefined, fileType: undefined };
      const told = fileType === undefined ? {} : { fileType };
      return { name, type, definition: columnDefinition(name, type), because, ...told };
    });
    return { columns, sql: createTable(table, names, types) };
  } catch (error) {
    throw error instanceof CopylineError ? error.with({ source: file.name }) : error;
  }
}
