import { FieldReader } from '../lanes/field-reader.ts';
import type { RowLayout } from '../lanes/row-layout.ts';
import type { Window, WindowReader } from '../source/window-reader.ts';
import { typeOf, widen, type ColumnType } from './column-types.ts';
import { excerptOf } from './excerpt.ts';
import { RefusingScanner } from './refusing-scanner.ts';
import { CsvScanner } from './scanner.ts';
import type { ScannerOptions, ScanPosition } from './scanning.ts';
import { surelyIs } from './sure-types.ts';

/** The type of a column, and the value that has decided it. */
export interface InferredColumn {
  readonly type: ColumnType;
  /** `undefined` for a column without a single value. */
  readonly because: Evidence | undefined;
}

/** The first value of a column, or the one that its type so far could not hold. */
export interface Evidence {
  readonly record: number;
  readonly line: number;
  readonly excerpt: string;
  readonly insteadOf: ColumnType | undefined;
}

/**
 * Reads all of a source for the types of its columns. NULL fields decide nothing; a column without a
 * value is text.
 *
 * @throws CopylineError a fault of the file, with its place
 */
export async function inferTypes(input: {
  readonly reader: WindowReader;
  readonly scanner: ScannerOptions;
  readonly layout: RowLayout;
  readonly dataStart: ScanPosition;
  /** Records that are refused decide nothing, instead of being errors. */
  readonly skipRefused?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (bytesRead: number) => void;
}): Promise<InferredColumn[]> {
  const { reader, dataStart, layout } = input;
  const reading = new FieldReader(layout);
  const found: (InferredColumn | undefined)[] = [];
  let window: Window | undefined;
  const onRecord = (record: CsvScanner): void => {
    if (window === undefined) return;
    for (let i = 0; i < record.fieldCount; i += 1) {
      if (layout.fields[i] === undefined) continue;
      const insteadOf = found[i]?.type;
      const type = typeWithField(insteadOf, record, window.buffer, i, reading);
      if (type === undefined || type === insteadOf) continue;
      const excerpt = excerptOf(window.buffer.subarray(record.fieldStart(i), record.fieldEnd(i)));
      const { record: number, line } = record;
      found[i] = { type, because: { record: number, line, excerpt, insteadOf } };
    }
  };
  const ignore = (): void => undefined;
  const scanner =
    input.skipRefused === true
      ? new RefusingScanner(
          input.scanner,
          { onRecord, onDropped: ignore, onRefused: ignore },
          dataStart,
        )
      : new CsvScanner(input.scanner, { onRecord }, dataStart);
  for (let consumed = 0; ;) {
    input.signal?.throwIfAborted();
    window = await reader.next(consumed);
    if (window === undefined) break;
    consumed = scanner.scan(window.buffer, window.from, window.to, window.final);
    input.onProgress(reader.fileBytesRead);
  }
  const fields = input.scanner.fieldCount ?? found.length;
  return Array.from({ length: fields }, (_, i) => found[i] ?? { type: 'text', because: undefined });
}

/** The type of a column that has had `type` so far, after one more field. */
function typeWithField(
  type: ColumnType | undefined,
  record: CsvScanner,
  buffer: Buffer,
  field: number,
  fields: FieldReader,
): ColumnType | undefined {
  // Once text, always text.
  if (type === 'text') return type;
  const start = record.fieldStart(field);
  const end = record.fieldEnd(field);
  if (type !== undefined && surelyIs(type, buffer, start, end)) return type;
  return fields.read(record, buffer, field, start, end) ? widen(type, typeOf(fields.text())) : type;
}
