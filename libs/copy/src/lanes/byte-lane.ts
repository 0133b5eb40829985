import type { CopySink } from '@copyline/dws-client';

import { CsvScanner, type ScannerOptions, type ScanPosition } from '../csv/scanner.ts';
import { ServerLines, type ServerLinesState } from '../csv/server-lines.ts';
import type { LocalFile } from '../source/local-file.ts';
import { WindowReader } from '../source/window-reader.ts';
import type { ContentDigest } from '../source/content-digest.ts';

const LINE_END_BYTES = { lf: Buffer.from('\n'), crlf: Buffer.from('\r\n'), cr: Buffer.from('\r') };
const BACKSLASH = 0x5c;
const DOT = 0x2e;

/** A place from which records can be found again without reading the file from its beginning. */
export interface Checkpoint {
  readonly position: ScanPosition;
  readonly serverLines: ServerLinesState;
}

/** How far a lane has come; also its result. */
export interface LaneProgress {
  readonly bytesRead: number;
  readonly rowsParsed: number;
}

export interface ByteLaneInput {
  readonly file: LocalFile;
  readonly scanner: ScannerOptions;
  readonly dataStart: ScanPosition;
  readonly digest: ContentDigest | undefined;
  readonly sink: CopySink;
  readonly checkpoints: Checkpoint[];
  readonly onProgress: (progress: LaneProgress) => void;
}

/**
 * The byte lane: the file's bytes go to COPY … (FORMAT csv) as they are. Every record is checked
 * before it is sent, and three things that the server would read differently are put right on the
 * way:
 *
 * - a record `\.`, which servers before version 18 take for the end of the data, is sent quoted;
 * - a line end unlike the first one, which the server refuses, is sent as the first one;
 * - blank lines that are no records are left out.
 */
export async function runByteLane(input: ByteLaneInput): Promise<LaneProgress> {
  const { file, dataStart, digest, sink, checkpoints } = input;
  const splices = new Splices(input.scanner.dialect.quote);
  const scanner = new CsvScanner(
    input.scanner,
    {
      onRecord: (record) => {
        splices.onRecord(record);
      },
      onBlankLine: (blank) => {
        splices.drop(blank);
      },
    },
    dataStart,
  );
  splices.begin(new ServerLines(scanner));

  // The digest covers the whole file, the scan begins behind the header.
  const reader = new WindowReader(file);
  let skip = dataStart.byteOffset;
  let consumed = 0;
  let sent: Promise<void> = Promise.resolve();
  for (;;) {
    const window = await reader.next(consumed);
    if (window === undefined) break;
    digest?.update(window.fresh);
    const { buffer, to, final } = window;
    const from = Math.min(window.from + skip, to);
    skip -= from - window.from;
    addCheckpoint(checkpoints, {
      position: scanner.position,
      serverLines: splices.serverLines.state,
    });
    splices.window(buffer, from);
    const scanned = skip > 0 ? 0 : scanner.scan(buffer, from, to, final);
    consumed = from - window.from + scanned;
    await sent;
    const bytes = splices.result(from + scanned);
    if (bytes.length > 0) sent = sink.write(bytes);
    // A failure is thrown at the next `await sent`; it must not count as unhandled until then.
    sent.catch(() => undefined);
    input.onProgress({ bytesRead: reader.position, rowsParsed: scanner.record });
  }
  await sent;
  return { bytesRead: reader.position, rowsParsed: scanner.record };
}

/** A list that has grown to so many is thinned out. */
const MOST_CHECKPOINTS = 1024;

/**
 * Keeps the list short however long the file is: every second one goes when it is full. So the
 * latest stand at each window, older ones ever further apart, and the first one stays.
 */
export function addCheckpoint(checkpoints: Checkpoint[], next: Checkpoint): void {
  if (checkpoints.length >= MOST_CHECKPOINTS) {
    const kept = checkpoints.filter((_, i) => i % 2 === 0);
    checkpoints.splice(0, checkpoints.length, ...kept);
  }
  checkpoints.push(next);
}

/** Collects what must be sent differently, and joins the pieces of a window around it. */
class Splices {
  serverLines!: ServerLines;
  readonly #quote: Buffer;
  #buffer: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  /** First byte of the window that is in no piece yet. */
  #from = 0;

  constructor(quote: number) {
    this.#quote = Buffer.from([quote]);
  }

  begin(serverLines: ServerLines): void {
    this.serverLines = serverLines;
  }

  window(buffer: Buffer, from: number): void {
    this.#buffer = buffer;
    this.#pieces = [];
    this.#from = from;
  }

  onRecord(record: CsvScanner): void {
    const { start, contentEnd, end } = record;
    if (
      contentEnd - start === 2 &&
      this.#buffer[start] === BACKSLASH &&
      this.#buffer[start + 1] === DOT
    ) {
      // One field, or two when the delimiter is one of the characters: then one of them is empty.
      const field = record.fieldEnd(0) > start ? 0 : 1;
      this.#replace(record.fieldStart(field), record.fieldStart(field), this.#quote);
      this.#replace(record.fieldEnd(field), record.fieldEnd(field), this.#quote);
    }
    this.serverLines.add(record);
    const { lineEnd } = this.serverLines;
    if (
      record.lineEnd !== lineEnd &&
      record.lineEnd !== 'end' &&
      lineEnd !== undefined &&
      lineEnd !== 'end'
    ) {
      this.#replace(contentEnd, end, LINE_END_BYTES[lineEnd]);
    }
  }

  drop(blank: CsvScanner): void {
    this.#replace(blank.start, blank.end, undefined);
  }

  /** What to send of the window up to `to`: the window itself where nothing was replaced. */
  result(to: number): Buffer {
    const rest = this.#buffer.subarray(this.#from, to);
    return this.#pieces.length === 0 ? rest : Buffer.concat([...this.#pieces, rest]);
  }

  #replace(from: number, to: number, bytes: Buffer | undefined): void {
    this.#pieces.push(this.#buffer.subarray(this.#from, from));
    if (bytes !== undefined) this.#pieces.push(bytes);
    this.#from = to;
  }
}
