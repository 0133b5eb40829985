import type { CsvDialect } from '@copyline/contracts';

import type { LocalFile } from '../source/local-file.ts';
import { WindowReader, type Window } from '../source/window-reader.ts';
import { typeOf, widen, type ColumnType } from './column-types.ts';
import { CsvScanner, type ScannerOptions, type ScanPosition } from './scanner.ts';
import { surelyIs } from './sure-types.ts';

/**
 * Reads a whole file for the types of its columns. NULL fields decide nothing; a column without a
 * value is text.
 *
 * @throws CopylineError a fault of the file, with its place
 */
export async function inferTypes(input: {
  readonly file: LocalFile;
  readonly scanner: ScannerOptions;
  readonly dialect: CsvDialect;
  readonly dataStart: ScanPosition;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number) => void;
}): Promise<ColumnType[]> {
  const { file, dataStart, dialect } = input;
  const types: (ColumnType | undefined)[] = [];
  let window: Window | undefined;
  const scanner = new CsvScanner(
    input.scanner,
    {
      onRecord: (record) => {
        if (window === undefined) return;
        for (let i = 0; i < record.fieldCount; i += 1) {
          types[i] = typeWithField(types[i], record, window.buffer, i, dialect.null);
        }
      },
    },
    dataStart,
  );
  const reader = new WindowReader(file, dataStart.byteOffset);
  for (let consumed = 0; ;) {
    input.signal?.throwIfAborted();
    window = await reader.next(consumed);
    if (window === undefined) break;
    consumed = scanner.scan(window.buffer, window.from, window.to, window.final);
    input.onProgress(reader.position);
  }
  const fields = input.scanner.fieldCount ?? types.length;
  return Array.from({ length: fields }, (_, i) => types[i] ?? 'text');
}

/** The type of a column that has had `type` so far, after one more field. */
function typeWithField(
  type: ColumnType | undefined,
  record: CsvScanner,
  buffer: Buffer,
  field: number,
  nullMarker: string,
): ColumnType | undefined {
  // Once text, always text.
  if (type === 'text') return type;
  const start = record.fieldStart(field);
  const end = record.fieldEnd(field);
  if (type !== undefined && surelyIs(type, buffer, start, end)) return type;
  const isQuoted = record.isQuoted(buffer, field);
  if (start === end && nullMarker === '') return type;
  const text = record.fieldText(buffer, field);
  return text === nullMarker && !isQuoted ? type : widen(type, typeOf(text));
}
