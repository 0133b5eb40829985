import type { ColumnChunk as ChunkMetadata } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { crc32 } from 'node:zlib';

import type { Codec } from './codec.ts';
import { schemaElement, valueWriter, type ParquetColumn } from './parquet-column.ts';
import { PlainPage } from './plain-page.ts';
import type { ColumnFields, ValueWriter } from './value-writer.ts';

/** Of a page before it is packed: readers unpack one at a time. As other writers have it. */
const PAGE_BYTES = 1024 * 1024;
const LEVELS_LENGTH_BYTES = 4;

/** One column of one row group after the other: pages, packed as soon as they are full. */
export class ColumnChunk {
  readonly column: ParquetColumn;
  readonly #codec: Codec;
  readonly #writer: ValueWriter;
  readonly #page = new PlainPage();
  #packed: Uint8Array[] = [];
  #packedBytes = 0;
  /** As they would be without compression, headers among them. */
  #plainBytes = 0;
  #rows = 0;
  #nulls = 0;

  constructor(column: ParquetColumn, codec: Codec) {
    this.column = column;
    this.#codec = codec;
    this.#writer = valueWriter(column);
  }

  /** Bytes of the values of this row group so far, not packed. */
  get plainBytes(): number {
    return this.#plainBytes + this.#page.length;
  }

  /** @throws ValueFault */
  add(fields: ColumnFields): void {
    this.#writer.write(fields, this.#page);
    this.#page.addRows(fields.lengths, fields.from, fields.to);
    if (this.#page.length >= PAGE_BYTES) this.#endPage();
  }

  /**
   * Ends the chunk of a row group; the next one begins.
   *
   * @param offset where in the file it will lie
   */
  take(offset: number): {
    readonly bytes: readonly Uint8Array[];
    readonly metadata: ChunkMetadata;
  } {
    if (this.#page.rows > 0) this.#endPage();
    const bytes = this.#packed;
    const { type } = schemaElement(this.column);
    if (type === undefined) throw new TypeError('a column has a type');
    const metadata: ChunkMetadata = {
      file_offset: 0n, // no longer in use, says the format
      meta_data: {
        ...{ type, encodings: ['PLAIN', 'RLE'], path_in_schema: [this.column.name] },
        codec: this.#codec.name,
        num_values: BigInt(this.#rows),
        total_uncompressed_size: BigInt(this.#plainBytes),
        total_compressed_size: BigInt(this.#packedBytes),
        data_page_offset: BigInt(offset),
        statistics: { null_count: BigInt(this.#nulls) },
      },
    };
    this.#packed = [];
    this.#packedBytes = this.#plainBytes = this.#rows = this.#nulls = 0;
    return { bytes, metadata };
  }

  /** Version 1 of data pages, because every reader knows it: levels and values are packed together. */
  #endPage(): void {
    const page = this.#page;
    const levels = page.levels();
    const length = Buffer.alloc(LEVELS_LENGTH_BYTES);
    length.writeUInt32LE(levels.length);
    const plain = Buffer.concat([length, levels, page.bytes.subarray(0, page.length)]);
    const packed = this.#codec.compress(plain);
    const header = new ByteWriter();
    writePageHeader(header, {
      type: 'DATA_PAGE',
      uncompressed_page_size: plain.length,
      compressed_page_size: packed.length,
      crc: crc32(packed) | 0,
      data_page_header: {
        num_values: page.rows,
        encoding: 'PLAIN',
        definition_level_encoding: 'RLE',
        repetition_level_encoding: 'RLE',
      },
    });
    this.#packed.push(header.getBytes(), packed);
    this.#packedBytes += header.offset + packed.length;
    this.#plainBytes += header.offset + plain.length;
    this.#rows += page.rows;
    this.#nulls += page.nulls;
    page.clear();
  }
}
