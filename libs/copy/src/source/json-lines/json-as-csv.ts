import { asCopylineError } from '@copyline/contracts';

import { excerptOf } from '../../csv/excerpt.ts';
import type { Reject } from '../../rejects/reject.ts';
import type { ByteFeed } from '../byte-feed.ts';
import { FaultInFile, type JsonLayout } from './json-layout.ts';
import { JsonFault } from './json-object.ts';
import { JsonWriter } from './json-writer.ts';
import { wholeLines } from './whole-lines.ts';

const LF = 0x0a;
const QUOTE = 0x22;
const COLON = 0x3a;

/**
 * Writes JSON Lines as the scanner reads CSV, line for line: so counts, places, limits, mapping, types
 * and all lanes are the same code.
 *
 * @throws FaultInFile with record, line, key and byte of the first line that is none, unless lines are kept
 */
export async function* jsonAsCsv(feed: ByteFeed, layout: JsonLayout): AsyncGenerator<Buffer, void> {
  const writer = new JsonWriter(layout);
  let line = 0;
  for await (const { bytes, offset, isTooLong } of wholeLines(feed, layout.maxRecordBytes)) {
    const base = (layout.textOffset ?? 0) + offset;
    let fault: Error | undefined;
    for (let start = 0; start < bytes.length && fault === undefined;) {
      const lineFeed = bytes.indexOf(LF, start);
      const end = lineFeed < 0 ? bytes.length : lineFeed;
      line += 1;
      try {
        assertSize(end - start, isTooLong, start, layout);
        writer.write(bytes, start, end, base + start);
      } catch (error) {
        fault = placed(error, { layout, bytes, start, end, base, record: writer.records, line });
      }
      start = end + 1;
    }
    yield writer.take();
    if (fault !== undefined) throw fault;
  }
}

function assertSize(
  bytes: number,
  isTooLong: boolean,
  start: number,
  { maxRecordBytes }: JsonLayout,
): void {
  if (!isTooLong && bytes <= maxRecordBytes) return;
  const message = `The line is larger than ${String(maxRecordBytes)} bytes`;
  throw new JsonFault('RECORD_TOO_LARGE', message, start);
}

interface LinePlace {
  readonly layout: JsonLayout;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly base: number;
  readonly record: number;
  readonly line: number;
}

function placed(error: unknown, place: LinePlace): Error {
  if (!(error instanceof JsonFault)) return asCopylineError(error);
  const { layout, bytes, start, end, base, line } = place;
  const record = error.code === 'RECORD_TOO_LARGE' ? place.record + 1 : place.record;
  return new FaultInFile(error.code, error.message, {
    ...{ record, line, excerpt: excerptOf(bytes.subarray(Math.min(error.at, end), end)) },
    ...(error.key === undefined ? {} : { column: error.key }),
    ...(layout.textOffset === undefined ? {} : { byteOffset: base + Math.max(error.at, start) }),
  });
}

/**
 * A reject of a record that was made of an object, as one of the line itself: its bytes, its place, and
 * what is wrong with it where it is no object at all.
 *
 * The line is the record's last field, quoted, behind the offset at which it begins. The offset begins
 * with a digit, so the last quote that stands alone opens the field.
 */
export function rejectInFile(reject: Reject, layout: JsonLayout): Reject {
  const { raw } = reject;
  let open = raw.lastIndexOf(QUOTE) - 1;
  for (; open >= 0; open -= 1) {
    if (raw[open] !== QUOTE) continue;
    if (raw[open - 1] !== QUOTE) break;
    open -= 1;
  }
  const colon = raw.indexOf(COLON, open);
  const lineOffset = Number(raw.toString('latin1', open + 1, colon));
  const text = raw.toString('latin1', colon + 1, raw.lastIndexOf(QUOTE)).replaceAll('""', '"');
  const line = Buffer.from(`${text}\n`, 'latin1');
  const known = layout.textOffset !== undefined;
  const placed = { ...reject, raw: line, byteOffset: known ? lineOffset : null };
  if (reject.code !== 'FIELD_COUNT') return placed;
  const fault = faultOf(line, layout);
  if (fault === undefined) return placed;
  return {
    ...placed,
    code: fault.code,
    reason: fault.message,
    column: fault.key ?? null,
    excerpt: excerptOf(line.subarray(fault.at, line.length - 1)),
    byteOffset: known ? lineOffset + fault.at : null,
  };
}

/** What is wrong with a line, found by writing it once more. */
function faultOf(line: Buffer, layout: JsonLayout): JsonFault | undefined {
  try {
    new JsonWriter({ ...layout, keepsLine: false }).write(line, 0, line.length - 1, 0);
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return error;
    throw error;
  }
}
