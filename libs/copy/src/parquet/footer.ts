import { invalid, ParquetFault } from './parquet-fault.ts';
import {
  leavesOf,
  readSchemaElement,
  schemaTree,
  type SchemaElement,
  type SchemaNode,
} from './schema.ts';
import { ThriftEnd, ThriftReader } from './thrift.ts';

/** What the end of a file says of it; plain data. */
export interface ParquetFooter {
  readonly rows: number;
  /** The columns of the table that the file is. */
  readonly columns: readonly SchemaNode[];
  readonly groups: readonly RowGroup[];
}

export interface RowGroup {
  readonly rows: number;
  /** One for each element with values. */
  readonly chunks: readonly ChunkPlace[];
}

/** Where the values of a column in a row group lie: `[start…start + bytes)`. */
export interface ChunkPlace {
  readonly start: number;
  readonly bytes: number;
  readonly codec: number;
  readonly values: number;
}

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
const MAGIC_BYTES = 4;
/** The length of the footer and the magic. */
const TAIL_BYTES = 8;
/** Of ten thousand row groups of a hundred columns. What is made of it takes about as much again. */
const MAX_FOOTER_BYTES = 128 * 1024 * 1024;

/** Reads `bytes[at…at+length)` of a file; fewer at its end only. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/**
 * Reads the footer. Everything in it is held against the size of the file and against itself: what comes
 * back leads nowhere outside of the file.
 *
 * @throws ParquetFault
 */
export async function readFooter(fileBytes: number, readAt: ReadAt): Promise<ParquetFooter> {
  const head = (await readAt(0, Math.min(MAGIC_BYTES, fileBytes))).toString('latin1');
  if (head === ENCRYPTED_MAGIC) throw encrypted();
  if (head !== MAGIC) throw new ParquetFault('NOT_PARQUET', 'It does not begin with PAR1');
  if (fileBytes < MAGIC_BYTES + TAIL_BYTES) throw truncated();
  const tail = await readAt(fileBytes - TAIL_BYTES, TAIL_BYTES);
  const magic = tail.toString('latin1', MAGIC_BYTES);
  if (magic === ENCRYPTED_MAGIC) throw encrypted();
  if (magic !== MAGIC) throw truncated();
  const length = tail.readUInt32LE(0);
  const start = fileBytes - TAIL_BYTES - length;
  if (length === 0 || start < MAGIC_BYTES) {
    throw invalid(`its footer cannot have ${String(length)} bytes`, {
      byteOffset: fileBytes - TAIL_BYTES,
    });
  }
  if (length > MAX_FOOTER_BYTES) {
    throw new ParquetFault('PARQUET_TOO_LARGE', `Its footer has ${String(length)} bytes`);
  }
  const bytes = await readAt(start, length);
  try {
    return parseFooter(bytes, start);
  } catch (error) {
    const fault =
      error instanceof ThriftEnd
        ? invalid('its footer ends too early')
        : error instanceof RangeError
          ? invalid('its footer is no structure')
          : error;
    throw fault instanceof ParquetFault ? fault.at({ byteOffset: start }) : fault;
  }
}

function parseFooter(bytes: Buffer, dataEnd: number): ParquetFooter {
  const thrift = new ThriftReader(bytes);
  let rows = -1;
  const elements: SchemaElement[] = [];
  const groups: RowGroup[] = [];
  thrift.struct((id) => {
    if (id === 2) thrift.structs(() => elements.push(readSchemaElement(thrift)));
    else if (id === 3) rows = thrift.int();
    else if (id === 4) thrift.structs(() => groups.push(readRowGroup(thrift, dataEnd)));
    else if (id === 8) throw encrypted();
  });
  const columns = schemaTree(elements);
  const leaves = leavesOf(columns).length;
  let sum = 0;
  for (const [i, group] of groups.entries()) {
    if (group.chunks.length !== leaves) {
      throw invalid(`it has ${String(group.chunks.length)} columns, the schema ${String(leaves)}`, {
        rowGroup: i,
      });
    }
    sum += group.rows;
  }
  if (sum !== rows) {
    throw invalid(`the footer says ${String(rows)} rows, its row groups have ${String(sum)}`);
  }
  return { rows, columns, groups };
}

function readRowGroup(thrift: ThriftReader, dataEnd: number): RowGroup {
  const chunks: ChunkPlace[] = [];
  let rows = -1;
  thrift.struct((id) => {
    if (id === 1) thrift.structs(() => chunks.push(readChunk(thrift, dataEnd)));
    else if (id === 3) rows = thrift.int();
  });
  if (rows < 0) throw invalid('a row group does not say how many rows it has');
  return { rows, chunks };
}

function readChunk(thrift: ThriftReader, dataEnd: number): ChunkPlace {
  let [codec, values, bytes, data, dictionary] = [-1, -1, -1, -1, 0];
  thrift.struct((id) => {
    if (id === 8) throw encrypted();
    if (id === 1) {
      if (thrift.string() !== '') throw unsupported('Its columns lie in other files');
    } else if (id === 3) {
      thrift.struct((field) => {
        if (field === 4) codec = thrift.int();
        else if (field === 5) values = thrift.int();
        else if (field === 7) bytes = thrift.int();
        else if (field === 9) data = thrift.int();
        else if (field === 11) dictionary = thrift.int();
      });
    }
  });
  // Some writers say 0 where there is no dictionary.
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  if (start < MAGIC_BYTES || bytes < 0 || start + bytes > dataEnd || values < 0) {
    throw invalid('a column lies outside of the file');
  }
  return { start, bytes, codec, values };
}

function unsupported(message: string): ParquetFault {
  return new ParquetFault('PARQUET_UNSUPPORTED', message);
}

function encrypted(): ParquetFault {
  return new ParquetFault('PARQUET_ENCRYPTED', 'It is encrypted');
}

function truncated(): ParquetFault {
  return invalid('it does not end with PAR1: it may be cut off, or still be written');
}

/** The row group that a record is in, the records counted from 1. */
export function rowGroupOf(groups: readonly RowGroup[], record: number): number {
  let end = 0;
  return groups.findIndex(({ rows }) => {
    end += rows;
    return record <= end;
  });
}
