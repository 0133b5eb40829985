import type { CompressionCodec, FileMetaData, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';

type PageHeader = Parameters<typeof writePageHeader>[1];

/** A page as it stands in the file, whatever it says of itself. */
export interface RawPage {
  readonly bytes: Buffer;
  readonly header?: Partial<PageHeader>;
}

/** A column of one row group, made by hand. */
export interface RawColumn {
  readonly element: SchemaElement;
  /** As the pages have them; for a single page of PLAIN values, its bytes. */
  readonly pages: readonly RawPage[] | Buffer;
  /** Entries; those of the file are those of the first column. */
  readonly count: number;
  readonly codec?: CompressionCodec;
  /** Groups that the column is in, from the top. */
  readonly above?: readonly SchemaElement[];
}

/** A page of values of one encoding, by default PLAIN ones without levels. */
export function dataPage(bytes: Buffer, count: number, header: Partial<PageHeader> = {}): RawPage {
  return {
    bytes,
    header: {
      type: 'DATA_PAGE',
      ...header,
      data_page_header: {
        num_values: count,
        encoding: 'PLAIN',
        definition_level_encoding: 'RLE',
        repetition_level_encoding: 'RLE',
        ...header.data_page_header,
      },
    },
  };
}

export function dictionaryPage(bytes: Buffer, count: number): RawPage {
  return {
    bytes,
    header: {
      type: 'DICTIONARY_PAGE',
      dictionary_page_header: { num_values: count, encoding: 'PLAIN' },
    },
  };
}

/**
 * A file of one row group, byte for byte as it is asked for.
 *
 * @param change changes the footer before it is written
 */
export function rawParquet(
  columns: readonly RawColumn[],
  change: (footer: FileMetaData) => void = () => undefined,
): Buffer {
  const file = new ByteWriter();
  file.appendBytes(Buffer.from('PAR1'));
  const rows = BigInt(columns[0]?.count ?? 0);
  const chunks = columns.map(({ element, pages, count, codec = 'UNCOMPRESSED', above = [] }) => {
    const start = file.offset;
    for (const { bytes, header } of Buffer.isBuffer(pages) ? [dataPage(pages, count)] : pages) {
      writePageHeader(file, {
        type: 'DATA_PAGE',
        uncompressed_page_size: bytes.length,
        compressed_page_size: bytes.length,
        ...header,
      });
      file.appendBytes(bytes);
    }
    const size = BigInt(file.offset - start);
    return {
      file_offset: 0n,
      meta_data: {
        type: element.type ?? 'INT32',
        encodings: [],
        path_in_schema: [...above.map(({ name }) => name), element.name],
        codec,
        num_values: BigInt(count),
        total_uncompressed_size: size,
        total_compressed_size: size,
        data_page_offset: BigInt(start),
      },
    };
  });
  const footer: FileMetaData = {
    version: 2,
    created_by: 'a test',
    schema: [
      { name: 'schema', num_children: columns.length },
      ...columns.flatMap(({ above = [], element }) => [...above, element]),
    ],
    num_rows: rows,
    row_groups: [{ columns: chunks, total_byte_size: 0n, num_rows: rows }],
    metadata_length: 0,
  };
  change(footer);
  writeMetadata(file, footer);
  file.appendBytes(Buffer.from('PAR1'));
  return Buffer.from(file.getBytes());
}

/** A file whose footer is these bytes. */
export function rawFooter(footer: Buffer, magic = 'PAR1'): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([
    Buffer.from('PAR1\x15\0\0\0', 'latin1'),
    footer,
    length,
    Buffer.from(magic),
  ]);
}

export function int32s(...values: readonly number[]): Buffer {
  return Buffer.from(Int32Array.from(values).buffer);
}

export function int64s(...values: readonly bigint[]): Buffer {
  return Buffer.from(BigInt64Array.from(values).buffer);
}

/** Texts as PLAIN has them. */
export function texts(...values: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.from(value);
      return [int32s(bytes.length), bytes];
    }),
  );
}

export const INT: SchemaElement = { name: 'i', type: 'INT32', repetition_type: 'REQUIRED' };
export const LONG: SchemaElement = { name: 'i', type: 'INT64', repetition_type: 'REQUIRED' };
export const BYTES: SchemaElement = { name: 'i', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' };
