import { invalid } from './parquet-fault.ts';
import { FALSE, ThriftReader } from './thrift.ts';

/** What stands before a page. */
export interface PageHeader {
  readonly type: 'data' | 'data v2' | 'dictionary' | 'other';
  /** Bytes of the page as it is in the file, and unpacked. */
  readonly packedBytes: number;
  readonly bytes: number;
  /** Of the page as it is in the file; `undefined` where the writer has left it out. */
  readonly crc: number | undefined;
  readonly values: number;
  readonly encoding: number;
  readonly levelEncodings: readonly number[];
  /** Version 2 only: bytes of the levels, which are never packed. */
  readonly definitionBytes: number;
  readonly repetitionBytes: number;
  readonly isPacked: boolean;
  /** Bytes of the header itself. */
  readonly headerBytes: number;
}

const TYPES = ['data', 'other', 'dictionary', 'data v2'] as const;

/** @throws ParquetFault; ThriftEnd when the header goes on behind the bytes */
export function readPageHeader(bytes: Buffer): PageHeader {
  const thrift = new ThriftReader(bytes);
  let [type, plain, packed, values, encoding] = [-1, -1, -1, 0, 0];
  let [definitionBytes, repetitionBytes] = [0, 0];
  let crc: number | undefined;
  let isPacked = true;
  const levels: number[] = [];
  thrift.struct((id) => {
    if (id === 1) type = thrift.int();
    else if (id === 2) plain = thrift.int();
    else if (id === 3) packed = thrift.int();
    else if (id === 4) crc = thrift.int() >>> 0;
    else if (id === 5 || id === 7) {
      thrift.struct((field) => {
        if (field === 1) values = thrift.int();
        else if (field === 2) encoding = thrift.int();
        else if (id === 5 && (field === 3 || field === 4)) levels.push(thrift.int());
      });
    } else if (id === 8) {
      thrift.struct((field, kind) => {
        if (field === 1) values = thrift.int();
        else if (field === 4) encoding = thrift.int();
        else if (field === 5) definitionBytes = thrift.int();
        else if (field === 6) repetitionBytes = thrift.int();
        else if (field === 7) isPacked = kind !== FALSE;
      });
    }
  });
  const levelBytes = definitionBytes + repetitionBytes;
  const isPossible =
    Math.min(plain, packed, values, definitionBytes, repetitionBytes) >= 0 &&
    levelBytes <= Math.min(plain, packed);
  if (!isPossible) throw invalid('a page header has an impossible number');
  return {
    ...{ type: TYPES[type] ?? 'other', packedBytes: packed, bytes: plain, crc, values, encoding },
    ...{ levelEncodings: levels, definitionBytes, repetitionBytes, isPacked },
    headerBytes: thrift.at,
  };
}
