import type { CopylineError, ErrorPlace } from '@copyline/contracts';
import { diagnosticsOf } from '@copyline/dws-client';

import { excerptOf } from './csv/excerpt.ts';
import { CsvScanner } from './csv/scanner.ts';
import { ServerLines, ServerRows } from './csv/server-lines.ts';
import type { Checkpoint, CopyForm, CopyTrail } from './lanes/checkpoints.ts';
import { rowGroupOf, type ParquetFooter } from './parquet/footer.ts';
import type { LoadPlan } from './plan/plan-load.ts';
import type { LocalFile } from './source/local-file.ts';
import { openFeed } from './source/reading.ts';
import { WindowReader } from './source/window-reader.ts';

/** What the CONTEXT of a COPY error tells. */
export interface CopyContext {
  readonly line: number;
  /** One of the columns of the COPY, where the server names one. */
  readonly column: string | undefined;
}

/** What an error says of the place in a COPY; `undefined` when it names no line of it. */
export function copyContextOf(
  error: CopylineError,
  table: string,
  columns: readonly string[],
): CopyContext | undefined {
  const context = diagnosticsOf(error)?.context;
  return context === undefined ? undefined : parseCopyContext(context, table, columns);
}

/**
 * Reads `COPY orders, line 3, column qty: "abc"`. The server translates the words, so only the
 * positions count: the table, the first number, the name of a column that is known.
 */
export function parseCopyContext(
  context: string,
  table: string,
  columns: readonly string[],
): CopyContext | undefined {
  const prefix = `COPY ${table}, `;
  const entry = context.split('\n').find((line) => line.startsWith(prefix));
  const match = /^\D*(\d+)(.*)$/s.exec(entry?.slice(prefix.length) ?? '');
  if (match === null) return undefined;
  const [, line = '', rest = ''] = match;
  return { line: Number(line), column: columnIn(rest, columns) };
}

/**
 * The column in `, column qty: "abc"`. A value, which may look like anything, only follows after a
 * colon; of two names that begin at the same place (`a`, `a: b`) the longer one is meant.
 */
function columnIn(text: string, columns: readonly string[]): string | undefined {
  let found: { readonly name: string; readonly at: number } | undefined;
  for (const name of columns) {
    const at = placeOfName(text, name);
    if (at < 0) continue;
    const isBetter =
      found === undefined || at < found.at || (at === found.at && name.length > found.name.length);
    if (isBetter) found = { name, at };
  }
  return found?.name;
}

/** Where a name stands in front of the first colon, and a colon or nothing behind it; or -1. */
function placeOfName(text: string, name: string): number {
  const word = ` ${name}`;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (text.slice(0, at).includes(':')) return -1;
    // French puts a blank before the colon.
    if (/^\s?(?::|$)/.test(text.slice(at + word.length))) return at;
  }
  return -1;
}

/**
 * Adds the place in the source to an error that the server raised during COPY, by reading the file
 * again from the checkpoint before it. An error without a line stays as it is, `located: false`.
 */
export async function locateServerError(
  error: CopylineError,
  file: LocalFile,
  plan: LoadPlan,
  trail: CopyTrail,
): Promise<CopylineError> {
  const place = copyContextOf(error, plan.target.name, plan.columns);
  if (place === undefined) return error;
  if (plan.parquet !== undefined) return inRowGroup(error, plan.parquet.footer, trail, place);
  const from = trail.checkpoints.findLast(({ serverLines }) => serverLines.last < place.line);
  if (from === undefined) return error;
  try {
    const found = await findRecord(file, plan, trail.form, from, place);
    await file.assertUnchanged(file.version.bytes);
    return found === undefined ? error : error.with({ ...found, commitState: error.commitState });
  } catch {
    // The file has changed since: better no place than a wrong one.
    return error;
  }
}

/** Each line of a COPY is a record, and nothing has to be read again. */
function inRowGroup(
  error: CopylineError,
  { groups }: ParquetFooter,
  { checkpoints }: CopyTrail,
  { line, column }: CopyContext,
): CopylineError {
  const from = checkpoints.findLast(({ serverLines }) => serverLines.last < line);
  if (from === undefined) return error;
  const record = from.position.records + line - from.serverLines.last;
  return error.with({
    ...{ record, rowGroup: rowGroupOf(groups, record), commitState: error.commitState },
    ...(column === undefined ? {} : { column }),
  });
}

async function findRecord(
  file: LocalFile,
  plan: LoadPlan,
  form: CopyForm,
  from: Checkpoint,
  wanted: CopyContext,
): Promise<ErrorPlace | undefined> {
  let found: ErrorPlace | undefined;
  let buffer: Buffer = Buffer.alloc(0);
  const scanner = new CsvScanner(
    plan.scanner,
    {
      onRecord: (record) => {
        lines.add(record);
        if (found === undefined && lines.last >= wanted.line) {
          found = placeOf(record, buffer, plan, wanted.column);
        }
      },
    },
    from.position,
  );
  const lines =
    form === 'csv' ? new ServerLines(scanner, from.serverLines) : new ServerRows(from.serverLines);
  const reader = new WindowReader(openFeed(file, plan.reading, from.position.byteOffset));
  for (let consumed = 0; found === undefined;) {
    const window = await reader.next(consumed);
    if (window === undefined) break;
    buffer = window.buffer;
    consumed = scanner.scan(window.buffer, window.from, window.to, window.final);
  }
  return found;
}

function placeOf(
  record: CsvScanner,
  buffer: Buffer,
  plan: LoadPlan,
  column: string | undefined,
): ErrorPlace {
  // A column that the load sets has no field.
  const { fields } = plan.mapping;
  const field = column === undefined ? -1 : fields.findIndex((mapped) => mapped?.column === column);
  const [start, end] =
    field < 0
      ? [record.start, record.contentEnd]
      : [record.fieldStart(field), record.fieldEnd(field)];
  return {
    record: record.record,
    line: record.line,
    byteOffset: record.position.byteOffset + (start - record.start),
    excerpt: excerptOf(buffer.subarray(start, end)),
    ...(column === undefined ? {} : { column }),
  };
}
