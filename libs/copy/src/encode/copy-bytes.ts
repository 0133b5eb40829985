import { LastViews, WORD_BYTES } from '../csv/words.ts';
import { writeInt32 } from './big-endian.ts';

/** From here on the native copy is faster, which makes a view of its source first. */
const NATIVE_COPY_BYTES = 256;
/** The last word that is copied may reach so far beyond the end. */
const OVERHANG_BYTES = WORD_BYTES - 1;

const sources = new LastViews();
const targets = new LastViews();

/**
 * Copies bytes. Up to three bytes behind them in `out` may be changed.
 *
 * @returns the place behind them
 */
export function copyBytes(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  const to = at + end - start;
  if (end - start >= NATIVE_COPY_BYTES) {
    bytes.copy(out, at, start, end);
    return to;
  }
  let p = start;
  let q = at;
  if (end + OVERHANG_BYTES > bytes.length || to + OVERHANG_BYTES > out.length) {
    for (; p < end; p += 1, q += 1) out[q] = bytes[p] as number;
    return to;
  }
  const from = sources.of(bytes);
  const into = targets.of(out);
  for (; p < end; p += WORD_BYTES, q += WORD_BYTES) into.setInt32(q, from.getInt32(p, true), true);
  return to;
}

/** Copies bytes, with their length before them. */
export function writeBytes(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
): number {
  return copyBytes(bytes, start, end, out, writeInt32(out, at, end - start));
}
