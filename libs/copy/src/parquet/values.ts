import { invalid } from './parquet-fault.ts';

/** Values without NULL, as they stand in a page, little endian: value i is `bytes[starts[i]…ends[i])`. */
export interface Values {
  readonly count: number;
  readonly bytes: Buffer;
  /** Of values of the same width: where the first one begins. */
  readonly base: number;
  /** 0 where they differ. */
  readonly width: number;
  /** Where each begins, and in `ends` ends; empty where all have the same width. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export const NO_PLACES = new Int32Array(0);

export function startOf(values: Values, i: number): number {
  return values.width > 0 ? values.base + i * values.width : (values.starts[i] as number);
}

export function endOf(values: Values, i: number): number {
  return values.width > 0 ? values.base + (i + 1) * values.width : (values.ends[i] as number);
}

export function fixedValues(bytes: Buffer, base: number, width: number, count: number): Values {
  if (base + width * count > bytes.length) throw invalid('a page has fewer values than it says');
  return { count, bytes, base, width, starts: NO_PLACES, ends: NO_PLACES };
}
