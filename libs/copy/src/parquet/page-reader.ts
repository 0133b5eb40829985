import { crc32 } from 'node:zlib';

import { ChunkBytes } from './chunk-bytes.ts';
import type { Unpack } from './codecs.ts';
import { decodeValues, PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY } from './decode-values.ts';
import type { ChunkPlace } from './footer.ts';
import { readPageHeader, type PageHeader } from './page-header.ts';
import { invalid, ParquetFault } from './parquet-fault.ts';
import { decodeRuns } from './rle.ts';
import type { Leaf, SchemaNode } from './schema.ts';
import { ThriftEnd } from './thrift.ts';
import { NO_PLACES, type Values } from './values.ts';

/** Entries of one column: values, NULLs, and in nested columns empty lists. */
export interface Page {
  readonly count: number;
  /** For each entry the value, or -1 where there is none. */
  readonly index: Int32Array;
  readonly values: Values;
  /** The same object for all pages that share a dictionary. */
  readonly isDictionary: boolean;
  /** Of nested columns only. */
  readonly definitions: Uint8Array | undefined;
  readonly repetitions: Uint8Array | undefined;
}

/** A page of a megabyte is usual. What is unpacked is held once for each column. */
const MAX_PAGE_BYTES = 256 * 1024 * 1024;
/** Entries take four bytes each, however few bytes of the file they are. */
const MAX_PAGE_VALUES = 32 * 1024 * 1024;
const HEADER_BYTES = 4 * 1024;
/** With statistics of long texts among it. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;
const RLE = 3;

/** Reads one column chunk, page by page. */
export class PageReader {
  readonly #node: SchemaNode;
  readonly #leaf: Leaf;
  readonly #bytes: ChunkBytes;
  readonly #unpack: Unpack;
  /** Entries of the chunk that no page has had yet. */
  #left: number;
  #dictionary: Values | undefined;
  #pageStart: number;

  constructor(fd: number, node: SchemaNode, leaf: Leaf, place: ChunkPlace, unpack: Unpack) {
    this.#node = node;
    this.#leaf = leaf;
    this.#bytes = new ChunkBytes(fd, place.start, place.bytes);
    this.#unpack = unpack;
    this.#left = place.values;
    this.#pageStart = place.start;
  }

  /** @throws ParquetFault with the column and the page's offset */
  next(): Page | undefined {
    while (this.#left > 0) {
      this.#pageStart = this.#bytes.at;
      try {
        const page = this.#read();
        if (page !== undefined && page.count > 0) return page;
      } catch (error) {
        throw this.#placed(error);
      }
    }
    return undefined;
  }

  #placed(error: unknown): unknown {
    if (error instanceof ParquetFault) return error.at({ byteOffset: this.#pageStart });
    if (error instanceof RangeError) {
      return invalid('a page is no structure').at({ byteOffset: this.#pageStart });
    }
    return error;
  }

  /** @returns undefined for a page that has no entries */
  #read(): Page | undefined {
    if (this.#bytes.left === 0) {
      throw invalid(`its pages have ${String(this.#left)} values fewer than the footer says`);
    }
    const header = this.#header();
    const packed = this.#packed(header);
    if (header.type === 'other') return undefined;
    if (header.type === 'dictionary') {
      if (this.#dictionary !== undefined) throw invalid('a column has two dictionaries');
      if (header.encoding !== PLAIN && header.encoding !== PLAIN_DICTIONARY) {
        throw invalid('a dictionary has an impossible encoding');
      }
      const bytes = this.#unpack(packed, header.bytes);
      this.#dictionary = decodeValues(PLAIN, this.#leaf, bytes, 0, header.values);
      return undefined;
    }
    if (header.values > this.#left) {
      throw invalid('its pages have more values than the footer says');
    }
    this.#left -= header.values;
    return header.type === 'data' ? this.#data(header, packed) : this.#dataV2(header, packed);
  }

  #header(): PageHeader {
    for (let length = HEADER_BYTES; ; length *= 16) {
      const bytes = this.#bytes.peek(length);
      try {
        const header = readPageHeader(bytes);
        this.#bytes.at += header.headerBytes;
        return header;
      } catch (error) {
        if (!(error instanceof ThriftEnd)) throw error;
        if (bytes.length < length || length > MAX_HEADER_BYTES) {
          throw invalid('a page header ends too early');
        }
      }
    }
  }

  #packed({ packedBytes, bytes, values, crc }: PageHeader): Buffer {
    if (packedBytes > this.#bytes.left) throw invalid('a page is longer than its column');
    if (packedBytes > MAX_PAGE_BYTES || bytes > MAX_PAGE_BYTES || values > MAX_PAGE_VALUES) {
      throw new ParquetFault(
        'PARQUET_TOO_LARGE',
        `A page has ${String(values)} values in ${String(Math.max(bytes, packedBytes))} bytes`,
      );
    }
    const packed = this.#bytes.peek(packedBytes);
    this.#bytes.at += packedBytes;
    if (crc !== undefined && crc32(packed) !== crc) {
      throw new ParquetFault('PARQUET_CHECKSUM', 'A page is not what its checksum says');
    }
    return packed;
  }

  #data(header: PageHeader, packed: Buffer): Page {
    const bytes = this.#unpack(packed, header.bytes);
    const { maxDefinition, maxRepetition } = this.#node;
    const count = header.values;
    if (count > 0 && header.levelEncodings.some((encoding) => encoding !== RLE)) {
      // Encodings of levels that there are none of do not matter.
      const [definition, repetition] = header.levelEncodings;
      if ((maxDefinition > 0 && definition !== RLE) || (maxRepetition > 0 && repetition !== RLE)) {
        throw new ParquetFault('PARQUET_UNSUPPORTED', 'Its levels have an outdated encoding');
      }
    }
    let at = 0;
    const levels = (most: number): Uint8Array | undefined => {
      if (most === 0) return undefined;
      if (at + LENGTH_BYTES > bytes.length) throw invalid('a page ends in its levels');
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) throw invalid('a page ends in its levels');
      const out = readLevels(bytes, at + LENGTH_BYTES, end, most, count);
      at = end;
      return out;
    };
    const repetitions = levels(maxRepetition);
    const definitions = levels(maxDefinition);
    return this.#page(header, count, repetitions, definitions, bytes, at);
  }

  #dataV2(header: PageHeader, packed: Buffer): Page {
    const { repetitionBytes, definitionBytes, values: count, isPacked } = header;
    const { maxDefinition, maxRepetition } = this.#node;
    const levelBytes = repetitionBytes + definitionBytes;
    const rest = packed.subarray(levelBytes);
    // A page of NULLs may have no bytes at all, not even packed ones.
    const length = header.bytes - levelBytes;
    const bytes = isPacked && length > 0 ? this.#unpack(rest, length) : rest;
    const repetitions =
      maxRepetition > 0 ? readLevels(packed, 0, repetitionBytes, maxRepetition, count) : undefined;
    const definitions =
      maxDefinition > 0
        ? readLevels(packed, repetitionBytes, levelBytes, maxDefinition, count)
        : undefined;
    return this.#page(header, count, repetitions, definitions, bytes, 0);
  }

  #page(
    { encoding }: PageHeader,
    count: number,
    repetitions: Uint8Array | undefined,
    definitions: Uint8Array | undefined,
    unpacked: Buffer,
    at: number,
  ): Page {
    const index = new Int32Array(count);
    let present = count;
    if (definitions !== undefined) {
      const most = this.#node.maxDefinition;
      present = 0;
      for (let i = 0; i < count; i += 1) if (definitions[i] === most) present += 1;
    }
    const isDictionary = encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY;
    let values: Values;
    if (isDictionary) {
      values = this.#indexes(unpacked, at, present, index);
    } else {
      values = decodeValues(encoding, this.#leaf, unpacked, at, present);
      // Levels that a required column cannot have would be read as its values.
      if (
        definitions === undefined &&
        encoding === PLAIN &&
        at + plainBytes(this.#leaf, values) !== unpacked.length
      ) {
        throw invalid('a page has bytes behind its values');
      }
      for (let i = 0; i < present; i += 1) index[i] = i;
    }
    if (definitions !== undefined && present < count) {
      // From the last to the first, each goes to a place that is not before it.
      const most = this.#node.maxDefinition;
      let value = present;
      for (let i = count - 1; i >= 0; i -= 1) {
        if (definitions[i] === most) {
          value -= 1;
          index[i] = index[value] as number;
        } else {
          index[i] = -1;
        }
      }
    }
    const { maxRepetition, maxDefinition } = this.#node;
    const isNested = maxRepetition > 0 || maxDefinition > 1;
    return {
      ...{ count, index, values, isDictionary, repetitions },
      definitions: isNested ? definitions : undefined,
    };
  }

  #indexes(bytes: Buffer, at: number, count: number, out: Int32Array): Values {
    const dictionary = this.#dictionary ?? NO_VALUES;
    if (count === 0) return dictionary;
    const bitWidth = bytes[at] ?? 0;
    if (at >= bytes.length || bitWidth > 32) throw invalid('a page has impossible indexes');
    decodeRuns(bytes, at + 1, bytes.length, bitWidth, out, count);
    const size = dictionary.count;
    for (let i = 0; i < count; i += 1) {
      if ((out[i] as number) >>> 0 >= size)
        throw invalid('an index leads outside of the dictionary');
    }
    return dictionary;
  }
}

/** Bytes of PLAIN values. */
function plainBytes({ physical, width }: Leaf, { count, ends }: Values): number {
  if (physical === 'BOOLEAN') return Math.ceil(count / 8);
  return width > 0 ? width * count : (ends[count - 1] ?? 0);
}

const NO_VALUES: Values = {
  ...{ count: 0, bytes: Buffer.alloc(0), base: 0, width: 1, starts: NO_PLACES, ends: NO_PLACES },
};

function readLevels(
  bytes: Buffer,
  from: number,
  end: number,
  most: number,
  count: number,
): Uint8Array {
  const out = new Uint8Array(count);
  decodeRuns(bytes, from, end, 32 - Math.clz32(most), out, count);
  for (let i = 0; i < count; i += 1) {
    if ((out[i] as number) > most) throw invalid('a level is impossible');
  }
  return out;
}
