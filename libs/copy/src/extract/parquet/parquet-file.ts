import { CopylineError } from '@copyline/contracts';
import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';

import type { ContentFile } from '../output.ts';
import type { Codec } from './codec.ts';
import { ColumnChunk } from './column-chunk.ts';
import { schemaElement, type ParquetColumn } from './parquet-column.ts';
import { RowFields } from './row-fields.ts';
import { ValueFault } from './value-writer.ts';

/**
 * When the next row group begins. A group is in memory as long as it is not complete, packed but for
 * the page that is being filled; readers want groups large enough to be worth a request.
 */
const GROUP_BYTES = 64 * 1024 * 1024;
const GROUP_ROWS = 1024 * 1024;

const MAGIC = Buffer.from('PAR1');

/**
 * One Parquet file that is being written: rows in COPY's binary form become columns.
 *
 * The pages are made here, straight from the server's bytes; headers, schema and footer are
 * hyparquet-writer's. Why: docs/decisions/0023-parquet-writer.md.
 */
export class ParquetFile implements ContentFile {
  readonly #store: ContentFile;
  readonly #columns: readonly ParquetColumn[];
  readonly #chunks: readonly ColumnChunk[];
  readonly #fields: RowFields;
  readonly #groups: RowGroup[] = [];
  /** Rows of the extract that other files have. */
  readonly #rowsBefore: number;
  #rows = 0;
  #groupRows = 0;

  /** @param store takes the bytes of the file */
  constructor(
    store: ContentFile,
    columns: readonly ParquetColumn[],
    codec: Codec,
    rowsBefore: number,
  ) {
    this.#store = store;
    this.#columns = columns;
    this.#chunks = columns.map((column) => new ColumnChunk(column, codec));
    this.#fields = new RowFields(columns.length);
    this.#rowsBefore = rowsBefore;
    void store.write(MAGIC);
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  /**
   * @param bytes whole rows
   * @throws CopylineError `VALUE_UNREPRESENTABLE`, with row and column
   */
  write(bytes: Buffer): Promise<void> | undefined {
    let room: Promise<void> | undefined;
    let at = 0;
    while (at < bytes.length) {
      at = this.#fields.read(bytes, at);
      this.#addRows(bytes);
      if (this.#isGroupFull()) room = this.#endGroup();
    }
    return room;
  }

  async finish(): Promise<string> {
    if (this.#groupRows > 0) await this.#endGroup();
    const footer = new ByteWriter();
    writeMetadata(footer, {
      version: 2,
      created_by: 'copyline',
      schema: [
        { name: 'schema', num_children: this.#columns.length } satisfies SchemaElement,
        ...this.#columns.map(schemaElement),
      ],
      num_rows: BigInt(this.#rows),
      row_groups: this.#groups,
      metadata_length: 0, // of a footer that was read
    });
    await this.#store.write(Buffer.from(footer.getBytes()));
    await this.#store.write(MAGIC);
    return this.#store.finish();
  }

  discard(): void {
    this.#store.discard();
  }

  #addRows(bytes: Buffer): void {
    const { starts, lengths, stride, rows } = this.#fields;
    for (const [c, chunk] of this.#chunks.entries()) {
      try {
        chunk.add({ bytes, starts, lengths, from: c * stride, to: c * stride + rows });
      } catch (error) {
        if (!(error instanceof ValueFault)) throw error;
        throw this.#located(error, error.index - c * stride, chunk.column.name);
      }
    }
    this.#rows += rows;
    this.#groupRows += rows;
  }

  #isGroupFull(): boolean {
    if (this.#groupRows >= GROUP_ROWS) return true;
    let bytes = 0;
    for (const chunk of this.#chunks) bytes += chunk.plainBytes;
    return bytes >= GROUP_BYTES;
  }

  #endGroup(): Promise<void> | undefined {
    let room: Promise<void> | undefined;
    const start = this.#store.bytes;
    let plainBytes = 0n;
    const columns = this.#chunks.map((chunk) => {
      const { bytes, metadata } = chunk.take(this.#store.bytes);
      plainBytes += metadata.meta_data?.total_uncompressed_size ?? 0n;
      // Any of its promises stands for all of them.
      for (const piece of bytes) room = this.#store.write(asBuffer(piece)) ?? room;
      return metadata;
    });
    this.#groups.push({
      columns,
      total_byte_size: plainBytes,
      num_rows: BigInt(this.#groupRows),
      file_offset: BigInt(start),
      total_compressed_size: BigInt(this.#store.bytes - start),
    });
    this.#groupRows = 0;
    return room;
  }

  #located(fault: ValueFault, row: number, column: string): CopylineError {
    const record = this.#rowsBefore + this.#rows + row + 1;
    return new CopylineError(
      'VALUE_UNREPRESENTABLE',
      `Row ${String(record)}, column ${column}: ${fault.value} has no form in Parquet`,
      { record, column, excerpt: fault.value, expected: fault.expected },
    );
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
