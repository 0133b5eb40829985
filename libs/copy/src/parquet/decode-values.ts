import { byteArrays, deltaBytes, deltaIntegers, deltaLengths, splitStreams } from './encodings.ts';
import { invalid, ParquetFault } from './parquet-fault.ts';
import { decodeRuns } from './rle.ts';
import type { Leaf } from './schema.ts';
import { endOf, fixedValues, startOf, type Values } from './values.ts';

/** Of `Encoding`, by number. Source: apache/parquet-format, parquet.thrift. */
export const PLAIN = 0;
export const PLAIN_DICTIONARY = 2;
const RLE = 3;
const DELTA_BINARY_PACKED = 5;
const DELTA_LENGTH_BYTE_ARRAY = 6;
const DELTA_BYTE_ARRAY = 7;
export const RLE_DICTIONARY = 8;
const BYTE_STREAM_SPLIT = 9;
const LENGTH_BYTES = 4;

/**
 * Reads `count` values that begin at `at`.
 *
 * @throws ParquetFault `PARQUET_UNSUPPORTED`, `PARQUET_INVALID`
 */
export function decodeValues(
  encoding: number,
  { physical, width }: Leaf,
  bytes: Buffer,
  at: number,
  count: number,
): Values {
  const isInt = physical === 'INT32' || physical === 'INT64';
  if (encoding === PLAIN) {
    if (physical === 'BOOLEAN') return plainBooleans(bytes, at, count);
    return width > 0 ? fixedValues(bytes, at, width, count) : byteArrays(bytes, at, count);
  }
  if (encoding === RLE && physical === 'BOOLEAN') {
    const out = Buffer.alloc(count);
    if (count > 0) decodeRuns(bytes, at + LENGTH_BYTES, bytes.length, 1, out, count);
    return fixedValues(out, 0, 1, count);
  }
  if (encoding === DELTA_BINARY_PACKED && isInt) {
    return fixedValues(deltaIntegers(bytes, at, width, count).out, 0, width, count);
  }
  if (encoding === DELTA_LENGTH_BYTE_ARRAY && physical === 'BYTE_ARRAY') {
    return deltaLengths(bytes, at, count);
  }
  if (encoding === DELTA_BYTE_ARRAY && (physical === 'BYTE_ARRAY' || !isInt)) {
    const values = deltaBytes(bytes, at, count);
    if (width === 0) return values;
    for (let i = 0; i < count; i += 1) {
      if (endOf(values, i) - startOf(values, i) !== width)
        throw invalid('a value has another length');
    }
    return fixedValues(values.bytes, 0, width, count);
  }
  if (encoding === BYTE_STREAM_SPLIT && width > 1 && physical !== 'INT96') {
    return fixedValues(splitStreams(bytes, at, width, count), 0, width, count);
  }
  throw new ParquetFault(
    'PARQUET_UNSUPPORTED',
    `Its values have the encoding ${String(encoding)}, which ${physical} does not`,
  );
}

function plainBooleans(bytes: Buffer, at: number, count: number): Values {
  if (at + Math.ceil(count / 8) > bytes.length) {
    throw invalid('a page has fewer values than it says');
  }
  const out = Buffer.allocUnsafe(count);
  for (let i = 0; i < count; i += 1) out[i] = ((bytes[at + (i >> 3)] as number) >> (i & 7)) & 1;
  return fixedValues(out, 0, 1, count);
}
