import { crc32, gzipSync } from 'node:zlib';

import {
  dataPage,
  dictionaryPage,
  INT,
  int32s,
  rawFooter,
  rawParquet,
  type RawPage,
} from '../libs/copy/test/parquet-raw.ts';
import { failing, inPage, listFile, OPTIONAL, runs, type ParquetCase } from './parquet-case.ts';

/** As thrift has it: with a sign. */
const CRC = crc32(int32s(1, 2, 3)) | 0;
const good = rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3 }]);
/** Where the footer's length stands. */
const LENGTH_AT = good.length - 8;
const changed = (change: (bytes: Buffer) => unknown): Buffer => {
  const bytes = Buffer.from(good);
  change(bytes);
  return bytes;
};
const footerOf = (...bytes: readonly number[]): Buffer => rawFooter(Buffer.from(bytes));
const column = (pages: readonly RawPage[] | Buffer, count = 3): Buffer =>
  rawParquet([{ element: INT, pages, count }]);
const optional = (levels: Buffer, values: Buffer): Buffer =>
  rawParquet([{ element: OPTIONAL, pages: Buffer.concat([levels, values]), count: 3 }]);
const page = (header: object, bytes = int32s(1, 2, 3)): Buffer =>
  column([dataPage(bytes, 3, header)]);
/** A page of indexes: their width in bits, and runs. */
const indexes = (...bytes: readonly number[]): RawPage => {
  const { header } = dataPage(Buffer.alloc(0), 3);
  const { data_page_header: levels } = header ?? {};
  if (levels !== undefined) levels.encoding = 'RLE_DICTIONARY';
  return { bytes: Buffer.from(bytes), header: header ?? {} };
};
/** A page of version 2 with three values, its levels apart from them. */
const pageV2 = (levels: Buffer, values: Buffer, facts: object, crc?: number): RawPage => ({
  bytes: Buffer.concat([levels, values]),
  header: {
    ...{ type: 'DATA_PAGE_V2', ...(crc === undefined ? {} : { crc }) },
    data_page_header_v2: {
      ...{ num_values: 3, num_nulls: 0, num_rows: 3, encoding: 'PLAIN', ...facts },
      ...{ definition_levels_byte_length: levels.length, repetition_levels_byte_length: 0 },
    },
  },
});
/** Three times the level 1. */
const LEVELS = Buffer.from([6, 1]);
const CRC_V2 = crc32(Buffer.concat([LEVELS, int32s(1, 2, 3)])) | 0;
const levelled = (crc: number): RawPage => pageV2(LEVELS, int32s(1, 2, 3), {}, crc);
const THREE_OF_THE_FIRST = [1, 6, 0] as const;

const END = { byteOffset: LENGTH_AT };
const FOOTER = { byteOffset: 8 };
const invalid = failing('PARQUET_INVALID');

/** The end of the file, and what it leads to. */
const FOOTERS: readonly ParquetCase[] = [
  { name: 'P1 zero bytes', file: Buffer.alloc(0), ...failing('EMPTY_SOURCE')('') },
  {
    name: 'P2 no PAR1 at its head',
    file: changed((b) => b.write('RIFF')),
    flags: ['--format', 'parquet'],
    ...failing('NOT_PARQUET')('PAR1'),
  },
  { name: 'P3 cut off', file: good.subarray(0, -20), ...invalid('PAR1') },
  { name: 'P3 only a beginning', file: good.subarray(0, 5), ...invalid('PAR1') },
  {
    name: 'P4 a footer longer than the file',
    file: changed((b) => b.writeUInt32LE(1e6, LENGTH_AT)),
    ...invalid('1000000 bytes', END),
  },
  {
    name: 'P5 a footer of nothing',
    file: changed((b) => b.writeUInt32LE(0, LENGTH_AT)),
    ...invalid('0 bytes', END),
  },
  {
    name: 'P5 a footer of a negative length',
    file: changed((b) => b.writeInt32LE(-1, LENGTH_AT)),
    ...invalid('4294967295 bytes', END),
  },
  {
    name: 'P6 a footer of noise',
    file: rawFooter(Buffer.from('the quick brown fox')),
    ...invalid('', FOOTER),
  },
  { name: 'P6 no schema', file: footerOf(0x16, 2, 0x16, 0, 0), ...invalid('', FOOTER) },
  {
    name: 'P6 more children than elements',
    file: footerOf(0x29, 0x1c, 0x48, 1, 0x73, 0x15, 0xfe, 0xff, 0x7f, 0, 0),
    ...invalid('schema', FOOTER),
  },
  {
    name: 'P7 a list of two billion',
    file: footerOf(0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07),
    ...invalid('longer', FOOTER),
  },
  {
    name: 'P7 a text of two billion',
    file: footerOf(0x68, 0xff, 0xff, 0xff, 0xff, 0x07, 0),
    ...invalid('longer', FOOTER),
  },
  {
    name: 'P7 lists in lists',
    file: rawFooter(Buffer.concat([Buffer.from([0x99]), Buffer.alloc(100_000, 0x19)])),
    ...invalid('deeply', FOOTER),
  },
  {
    name: 'P7 structs in structs',
    file: rawFooter(Buffer.alloc(100_000, 0x1c)),
    ...invalid('deeply', FOOTER),
  },
  {
    name: 'P11 another number of rows than the row groups have',
    file: rawParquet([{ element: INT, pages: int32s(1), count: 1 }], (footer) => {
      footer.num_rows = 7n;
    }),
    ...invalid('7 rows'),
  },
  {
    name: 'P16 a column outside of the file',
    file: rawParquet([{ element: INT, pages: int32s(1), count: 1 }], ({ row_groups: [group] }) => {
      const chunk = group?.columns[0]?.meta_data;
      if (chunk !== undefined) chunk.data_page_offset = 1_000_000n;
    }),
    ...invalid('outside'),
  },
];

/** Levels, dictionaries and values. */
const PAGES: readonly ParquetCase[] = [
  {
    name: 'P8 a dictionary of a negative size',
    file: column([dictionaryPage(int32s(1), -5), indexes(...THREE_OF_THE_FIRST)]),
    ...inPage('PARQUET_INVALID', 'impossible number'),
  },
  {
    name: 'P9 fewer repetition levels than entries',
    file: listFile(runs([1, 0], [1, 1]), runs([3, 2]), 3),
    flags: ['--nested', 'json'],
    columns: 'i jsonb',
    ...inPage('PARQUET_INVALID', 'fewer values'),
  },
  {
    name: 'P10 fewer definition levels than entries',
    file: optional(runs([2, 1]), int32s(1, 2)),
    ...inPage('PARQUET_INVALID', 'fewer values'),
  },
  {
    name: 'P10 levels above the highest',
    file: optional(runs([3, 3]), int32s(1, 2, 3)),
    ...inPage('PARQUET_INVALID', 'a level is impossible'),
  },
  {
    name: 'P10 levels longer than their page',
    file: optional(Buffer.from([255, 255, 255, 127, 6, 1]), int32s()),
    ...inPage('PARQUET_INVALID', 'ends in its levels'),
  },
  {
    name: 'P11 columns of different lengths',
    file: rawParquet([
      { element: INT, pages: int32s(1, 2), count: 2 },
      { element: { ...INT, name: 'j' }, pages: int32s(1), count: 1 },
    ]),
    columns: 'i int, j int',
    ...invalid('1 values', { rowGroup: 0, column: 'j' }),
  },
  {
    name: 'P11 rows without values',
    file: column(int32s(1)),
    ...inPage('PARQUET_INVALID', 'fewer values'),
  },
  {
    name: 'P12 indexes of no bits, of a dictionary of one',
    file: column([dictionaryPage(int32s(7), 1), indexes(0, 6)]),
    rows: ['(7)', '(7)', '(7)'],
  },
  {
    name: 'P12 indexes of no bits, and no runs',
    file: column([dictionaryPage(int32s(7), 1), indexes(0)]),
    ...inPage('PARQUET_INVALID', 'fewer values', 21),
  },
  {
    name: 'P13 the first row begins inside of a list',
    file: listFile(runs([3, 1]), runs([3, 2]), 3),
    flags: ['--nested', 'json'],
    columns: 'i jsonb',
    ...invalid('inside of a list', { rowGroup: 0, column: 'i' }),
  },
  {
    name: 'P14 levels in a required column',
    file: column(Buffer.concat([runs([2, 1], [1, 0]), int32s(1, 2)])),
    ...inPage('PARQUET_INVALID', 'behind its values'),
  },
  {
    name: 'P14 NULLs in a required column, in a page of version 2',
    file: column([pageV2(Buffer.from([4, 1, 2, 0]), int32s(1, 2), { num_nulls: 1 })]),
    ...inPage('PARQUET_INVALID', 'fewer values'),
  },
  { name: 'P15 the right checksum', file: page({ crc: CRC }), rows: ['(1)', '(2)', '(3)'] },
  {
    name: 'P15 another checksum',
    file: page({ crc: 12_345 }),
    ...inPage('PARQUET_CHECKSUM', 'checksum'),
  },
  {
    name: 'P15 the right checksum of a page of version 2, its levels counted',
    file: rawParquet([{ element: OPTIONAL, pages: [levelled(CRC_V2)], count: 3 }]),
    rows: ['(1)', '(2)', '(3)'],
  },
  {
    name: 'P15 another checksum of a page of version 2: that of its values alone',
    file: rawParquet([{ element: OPTIONAL, pages: [levelled(CRC)], count: 3 }]),
    ...inPage('PARQUET_CHECKSUM', 'checksum'),
  },
  {
    name: 'P15 another checksum of a dictionary',
    file: column([
      {
        bytes: int32s(1),
        header: { ...dictionaryPage(int32s(1), 1).header, crc: -1 },
      },
      indexes(...THREE_OF_THE_FIRST),
    ]),
    ...inPage('PARQUET_CHECKSUM', 'checksum'),
  },
  {
    name: 'P16 a dictionary without its values',
    file: column([dictionaryPage(int32s(1), 5), indexes(...THREE_OF_THE_FIRST)]),
    ...inPage('PARQUET_INVALID', 'fewer values'),
  },
  {
    name: 'P16 an index outside of its dictionary',
    file: column([dictionaryPage(int32s(1), 1), indexes(1, 6, 1)]),
    ...inPage('PARQUET_INVALID', 'outside of the dictionary', 21),
  },
  {
    name: 'P16 indexes without a dictionary',
    file: column([indexes(...THREE_OF_THE_FIRST)]),
    ...inPage('PARQUET_INVALID', 'outside of the dictionary'),
  },
  {
    name: 'P16 two dictionaries',
    file: column([dictionaryPage(int32s(1), 1), dictionaryPage(int32s(2), 1)]),
    ...inPage('PARQUET_INVALID', 'two dictionaries', 21),
  },
  {
    name: 'P16 indexes of 99 bits',
    file: column([dictionaryPage(int32s(1), 1), indexes(99, 6, 0)]),
    ...inPage('PARQUET_INVALID', 'indexes', 21),
  },
];

const unpacking = (bytes: Buffer, codec: 'SNAPPY' | 'GZIP' | 'BROTLI' | 'ZSTD' | 'LZ4_RAW') =>
  rawParquet([
    {
      element: INT,
      pages: [dataPage(bytes, 3, { uncompressed_page_size: 12 })],
      ...{ count: 3, codec },
    },
  ]);

/** How pages are packed, and how large they are. */
const SIZES: readonly ParquetCase[] = [
  ...(['LZO', 'LZ4'] as const).map((codec) => ({
    name: `P17 packed with ${codec}`,
    file: rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3, codec }]),
    ...failing('PARQUET_UNSUPPORTED')(codec),
  })),
  ...(['SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW'] as const).map((codec) => ({
    name: `P17 noise for ${codec}`,
    file: unpacking(Buffer.alloc(40, 0xb7), codec),
    ...inPage('PARQUET_INVALID', 'page'),
  })),
  {
    name: 'P18 a page longer than its column',
    file: page({ compressed_page_size: 5000 }),
    ...inPage('PARQUET_INVALID', 'longer than its column'),
  },
  {
    name: 'P18 a page of two gigabytes',
    file: page({ uncompressed_page_size: 2_147_483_647 }),
    ...inPage('PARQUET_TOO_LARGE', '2147483647 bytes'),
  },
  {
    name: 'P18 a page of a negative size',
    file: page({ uncompressed_page_size: -1 }),
    ...inPage('PARQUET_INVALID', 'impossible number'),
  },
  {
    name: 'P18 a page that says another length',
    file: page({ uncompressed_page_size: 13 }),
    ...inPage('PARQUET_INVALID', '12 bytes when unpacked, its header says 13'),
  },
  {
    name: 'P18 a page that unpacks to a thousand times as much',
    file: unpacking(gzipSync(Buffer.alloc(50_000_000)), 'GZIP'),
    ...inPage('PARQUET_INVALID', 'unpacked'),
  },
  {
    name: 'P18 a page of two billion values in no bytes',
    file: column([dataPage(Buffer.alloc(0), 2_000_000_000)], 2_000_000_000),
    ...inPage('PARQUET_TOO_LARGE', '2000000000 values'),
  },
];

export const DAMAGED: readonly ParquetCase[] = [...FOOTERS, ...PAGES, ...SIZES];
