import { CopylineError } from '@copyline/contracts';

import { CsvScanner } from '../src/csv/scanner.ts';
import type { ScannerOptions, ScanPosition } from '../src/csv/scanning.ts';
import { FileFeed } from '../src/source/byte-feed.ts';
import { LocalFile } from '../src/source/local-file.ts';
import { WindowReader } from '../src/source/window-reader.ts';

export interface ScannedRecord {
  readonly record: number;
  readonly line: number;
  readonly byteOffset: number;
  readonly bytes: string;
  readonly lineEnd: string;
  readonly fields: readonly { readonly text: string; readonly quoted: boolean }[];
}

/** Everything that a scan told, in a form that can be compared. */
export interface Scanned {
  readonly records: readonly ScannedRecord[];
  readonly position: ScanPosition;
  readonly fault:
    | {
        readonly code: string;
        readonly message: string;
        readonly record: number | undefined;
        readonly line: number | undefined;
        readonly column: string | undefined;
        readonly byteOffset: number | undefined;
      }
    | undefined;
}

/** Scans bytes in windows that grow by `step` bytes until a record is complete. */
export function scanInSteps(bytes: Buffer, options: ScannerOptions, step: number): Scanned {
  const collector = new Collector(options);
  let from = 0;
  return collector.run(() => {
    for (let to = 0; to < bytes.length;) {
      to = Math.min(to + step, bytes.length);
      // Behind the window lies what some earlier window has left there.
      const stale = Buffer.from('"stale');
      const window = Buffer.concat([bytes.subarray(from, to), stale]);
      from += collector.scan(window, 0, to - from, to === bytes.length);
      if (!window.subarray(-stale.length).equals(stale)) throw new Error('the sentinel was left');
    }
  });
}

/** Scans a file as a load does. */
export async function scanFile(path: string, options: ScannerOptions): Promise<Scanned> {
  await using file = await LocalFile.open({ path });
  const reader = new WindowReader(new FileFeed(file));
  const collector = new Collector(options);
  let fault: Error | undefined;
  try {
    for (let consumed = 0; ;) {
      const window = await reader.next(consumed);
      if (window === undefined) break;
      consumed = collector.scan(window.buffer, window.from, window.to, window.final);
    }
  } catch (error) {
    fault = error as Error;
  }
  return collector.run(() => {
    if (fault !== undefined) throw fault;
  });
}

class Collector {
  readonly #records: ScannedRecord[] = [];
  readonly #scanner: CsvScanner;
  #window: Buffer = Buffer.alloc(0);

  constructor(options: ScannerOptions) {
    this.#scanner = new CsvScanner(options, {
      onRecord: (scanned) => {
        this.#records.push({
          record: scanned.record,
          line: scanned.line,
          byteOffset: scanned.position.byteOffset,
          bytes: this.#window.toString('latin1', scanned.start, scanned.end),
          lineEnd: scanned.lineEnd,
          fields: Array.from({ length: scanned.fieldCount }, (_, i) => ({
            text: scanned.fieldText(this.#window, i),
            quoted: scanned.isQuoted(this.#window, i),
          })),
        });
      },
    });
  }

  scan(window: Buffer, from: number, to: number, final: boolean): number {
    this.#window = window;
    return this.#scanner.scan(window, from, to, final);
  }

  run(work: () => void): Scanned {
    let fault: Scanned['fault'];
    try {
      work();
    } catch (error) {
      if (!(error instanceof CopylineError)) throw error;
      const { record, line, column, byteOffset } = error.place;
      fault = { code: error.code, message: error.message, record, line, column, byteOffset };
    }
    const position = fault === undefined ? this.#scanner.position : NOWHERE;
    return { records: this.#records, position, fault };
  }
}

const NOWHERE: ScanPosition = { byteOffset: 0, records: 0, lines: 0, lineEnd: undefined };
