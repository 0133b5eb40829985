import { NO_PLACES, type Values } from './values.ts';

/** A value without a binary form: the server judges its text. */
export const ASKED = 1;
/** A value that is none of the column's type. */
export const REFUSED = 2;
/** A value that the column's type would alter. */
export const LOSSY = 3;
export type Verdict = typeof ASKED | typeof REFUSED | typeof LOSSY;

/** Values on their way to fields of COPY BINARY, each behind its length. */
export interface Cells {
  /** The fields, or the values of the file that become such, from `base` on. */
  readonly bytes: Buffer;
  readonly base: number;
  /** Bytes of each field, its length among them; 0 where they differ, then it is `bytes[starts[i]…starts[i + 1])`. */
  readonly width: number;
  readonly starts: Int32Array;
  /** Whether the values become fields only when they are copied: their bytes the other way round. */
  readonly isReversed: boolean;
  /** What is wrong with each of the values, 0 for nothing; `undefined` where nothing is with any. */
  readonly verdicts: Uint8Array | undefined;
}

/** Makes fields of values; those of a dictionary once for all rows that have them. */
export type CellMaker = (values: Values) => Cells;

/** Writes one value behind its length. @returns the place behind it, or a {@link Verdict} negated */
export type CellWriter = (
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
) => number;

/** Fields of a writer that needs no more than `room` bytes beside those of the value. */
export function cellsOf(write: CellWriter, room: number): CellMaker {
  return ({ count, bytes, base, width, starts: from, ends }) => {
    let total = 0;
    if (width > 0) total = count * (width + room);
    else
      for (let i = 0; i < count; i += 1) total += (ends[i] as number) - (from[i] as number) + room;
    const out = Buffer.allocUnsafe(total);
    const starts = new Int32Array(count + 1);
    let verdicts: Uint8Array | undefined;
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      const start = width > 0 ? base + i * width : (from[i] as number);
      const next = write(bytes, start, width > 0 ? start + width : (ends[i] as number), out, at);
      if (next < 0) {
        verdicts ??= new Uint8Array(count);
        verdicts[i] = -next;
      } else {
        at = next;
      }
      starts[i + 1] = at;
    }
    return fieldsAt(out, starts, verdicts);
  };
}

/** Fields of a writer that gives the same number of bytes for every value. */
export function fixedCellsOf(write: CellWriter, fieldBytes: number): CellMaker {
  return ({ count, bytes, base, width }) => {
    const out = Buffer.allocUnsafe(count * fieldBytes);
    let verdicts: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      const start = base + i * width;
      const next = write(bytes, start, start + width, out, i * fieldBytes);
      if (next >= 0) continue;
      verdicts ??= new Uint8Array(count);
      verdicts[i] = -next;
    }
    const cells = { bytes: out, base: 0, width: fieldBytes, starts: NO_PLACES };
    return { ...cells, isReversed: false, verdicts };
  };
}

/** Numbers that differ from their fields in the order of their bytes only, which copying them turns round. */
export const reversedCells: CellMaker = ({ bytes, base, width }) => ({
  ...{ bytes, base, width: LENGTH_BYTES + width, starts: NO_PLACES },
  ...{ isReversed: true, verdicts: undefined },
});

/** Fields of different lengths, one behind the other. */
export function fieldsAt(
  bytes: Buffer,
  starts: Int32Array,
  verdicts: Uint8Array | undefined,
): Cells {
  return { bytes, base: 0, width: 0, starts, isReversed: false, verdicts };
}

const LENGTH_BYTES = 4;

/** Values that are the same in the file and in COPY BINARY, but for their lengths. */
export const byteCells: CellMaker = ({ count, bytes, base, width, starts: from, ends }) => {
  const starts = new Int32Array(count + 1);
  if (count === 0) return fieldsAt(bytes, starts, undefined);
  if (width === 0 && liesPlain(from, ends, count)) {
    for (let i = 0; i < count; i += 1) {
      const start = (from[i] as number) - LENGTH_BYTES;
      const length = (ends[i] as number) - (from[i] as number);
      // In its place: a value is copied once, into its row.
      bytes[start] = length >>> 24;
      bytes[start + 1] = length >>> 16;
      bytes[start + 2] = length >>> 8;
      bytes[start + 3] = length;
      starts[i] = start;
    }
    starts[count] = ends[count - 1] as number;
    return fieldsAt(bytes, starts, undefined);
  }
  return copied({ count, bytes, base, width, starts: from, ends });
};

const copied = cellsOf((bytes, start, end, out, at) => {
  out.writeInt32BE(end - start, at);
  return at + LENGTH_BYTES + bytes.copy(out, at + LENGTH_BYTES, start, end);
}, LENGTH_BYTES);

/** Whether there are four bytes, its length, and nothing else in front of every value. */
function liesPlain(starts: Int32Array, ends: Int32Array, count: number): boolean {
  if ((starts[0] as number) < LENGTH_BYTES) return false;
  for (let i = 1; i < count; i += 1) {
    if ((starts[i] as number) - LENGTH_BYTES !== ends[i - 1]) return false;
  }
  return true;
}
