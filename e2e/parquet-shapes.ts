import type { FileMetaData } from 'hyparquet';
import { gzipSync } from 'node:zlib';

import {
  dataPage,
  INT,
  int32s,
  rawFooter,
  rawParquet,
  texts,
  BYTES,
  type RawPage,
} from '../libs/copy/test/parquet-raw.ts';
import { failing, listFile, OPTIONAL, runs, type ParquetCase } from './parquet-case.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** A footer of one column of one row, whose chunk has nothing but the mark of an encrypted column. */
const ENCRYPTED_COLUMN = bytes(
  '1504 192c 480173 1502 00 1502 2500 180169 00 1602 191c 191c 2600 6c 1c00 00 00 1600 1602 00 00',
);
/** A plain footer of a file with encrypted columns ends with how they are encrypted: field 8. */
function plainFooterOfEncrypted(): Buffer {
  const file = rawParquet([{ element: INT, pages: int32s(1), count: 1 }]);
  const tail = file.length - 8;
  const footerStart = tail - file.readUInt32LE(tail);
  const footer = Buffer.concat([file.subarray(footerStart, tail - 1), bytes('1c 1c00 00 00')]);
  return Buffer.concat([
    file.subarray(0, footerStart),
    ...[footer, int32s(footer.length), Buffer.from('PAR1')],
  ]);
}

const encrypted = failing('PARQUET_ENCRYPTED');

const ENCRYPTION: readonly ParquetCase[] = [
  {
    name: 'P19 an encrypted footer',
    file: rawFooter(Buffer.alloc(9), 'PARE'),
    ...encrypted('encrypted'),
  },
  {
    name: 'P19 encrypted by DuckDB',
    file: {
      query: 'select 1 as i',
      options: ", ENCRYPTION_CONFIG {footer_key: 'k'}",
      before: [
        'set force_mbedtls_unsafe = true',
        "pragma add_parquet_key('k', '0123456789abcdef')",
      ],
    },
    ...encrypted('encrypted'),
  },
  {
    name: 'P19 an encrypted column',
    file: rawFooter(ENCRYPTED_COLUMN),
    ...encrypted('encrypted'),
  },
  {
    name: 'P19 a plain footer of encrypted columns',
    file: plainFooterOfEncrypted(),
    ...encrypted('encrypted'),
  },
];

const CODECS: readonly ParquetCase[] = [
  ...['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'],
].map((codec) => ({
  name: `P17 ${codec}`,
  file: {
    query: "select i::int as i, repeat('text ' || i % 3, 40) as x from range(3) x(i)",
    options: `, COMPRESSION ${codec}`,
  },
  columns: 'i int, x text',
  rows: [0, 1, 2].map((i) => `(${String(i)},"${`text ${String(i)}`.repeat(40)}")`),
}));

const asJson = (name: string, query: string, row: string): readonly ParquetCase[] => {
  const nested = { file: { query: `select ${query} as i` }, columns: 'i jsonb' };
  return [
    { ...nested, name: `P20 ${name}`, ...failing('PARQUET_NESTED')('i', { column: 'i' }) },
    { ...nested, name: `P20 ${name}, by option`, flags: ['--nested', 'json'], rows: [row] },
  ];
};
/** Two entries of one row. */
const REPEATED = runs([1, 0], [1, 1]);
const asList = (name: string, file: Buffer, row: string): ParquetCase => ({
  ...{ name: `P20 ${name}`, file, columns: 'i jsonb', flags: ['--nested', 'json'], rows: [row] },
});

const NESTED: readonly ParquetCase[] = [
  ...asJson('a list', '[1, NULL, 3]', '("[1, null, 3]")'),
  ...asJson(
    'a struct',
    "{'a': 1, 'b': [1.5::double, 'NaN']}",
    '("{""a"": 1, ""b"": [1.5, ""NaN""]}")',
  ),
  ...asJson('maps in a map', "map {'k': map {1: true}}", '("{""k"": {""1"": true}}")'),
  asList(
    'a list of two levels, as older writers have it',
    listFile(
      REPEATED,
      runs([2, 2]),
      2,
      [{ name: 'i', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 }],
      { name: 'array', type: 'INT32', repetition_type: 'REPEATED' },
    ),
    '("[1, 2]")',
  ),
  asList(
    'a map without values',
    listFile(
      REPEATED,
      runs([2, 2]),
      2,
      [
        { name: 'i', repetition_type: 'OPTIONAL', converted_type: 'MAP', num_children: 1 },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 1 },
      ],
      { ...INT, name: 'key' },
    ),
    '("{""key_value"": [{""key"": 1}, {""key"": 2}]}")',
  ),
  asList(
    'a repeated column without annotation',
    listFile(REPEATED, runs([2, 1]), 2, [], { ...INT, repetition_type: 'REPEATED' }),
    '("[1, 2]")',
  ),
];

/** Statistics of a file that lies. */
const LIES = { min_value: 5, max_value: 6, null_count: 3n, distinct_count: 0n };
const NULLS_V2: RawPage['header'] = {
  type: 'DATA_PAGE_V2',
  uncompressed_page_size: 2,
  data_page_header_v2: {
    ...{ num_values: 3, num_nulls: 3, num_rows: 3, encoding: 'PLAIN', is_compressed: true },
    ...{ definition_levels_byte_length: 2, repetition_levels_byte_length: 0 },
  },
};

const EMPTY: readonly ParquetCase[] = [
  { name: 'P28 no rows', file: { query: 'select 1 as i where false' }, rows: [] },
  {
    name: 'P28 no row groups',
    file: rawParquet([{ element: INT, pages: int32s(), count: 0 }], (footer) => {
      footer.row_groups = [];
    }),
    rows: [],
  },
  {
    name: 'P28 a row group without rows',
    file: rawParquet([{ element: INT, pages: int32s(), count: 0 }]),
    rows: [],
  },
  {
    name: 'P28 an empty page before another',
    file: rawParquet([
      {
        element: INT,
        pages: [dataPage(Buffer.alloc(0), 0), dataPage(int32s(1, 2), 2)],
        count: 2,
      },
    ]),
    rows: ['(1)', '(2)'],
  },
  {
    name: 'P28 a packed page of NULLs, of no bytes',
    file: rawParquet([
      {
        ...{ element: OPTIONAL, count: 3, codec: 'SNAPPY' },
        pages: [{ bytes: bytes('06 00'), header: NULLS_V2 }],
      },
    ]),
    rows: ['()', '()', '()'],
  },
];

const named = (...names: readonly string[]): Buffer =>
  rawParquet(names.map((name, i) => ({ element: { ...INT, name }, pages: int32s(i), count: 1 })));
const MANY = Array.from({ length: 1601 }, (_, i) => `c${String(i)}`);

const NAMES: readonly ParquetCase[] = [
  { name: 'P29 a name twice', file: named('i', 'i'), ...failing('HEADER_INVALID')('“i”') },
  {
    name: 'P29 names that differ in case',
    file: named('A', 'a'),
    columns: '"A" int, a int',
    rows: ['(0,1)'],
  },
  { name: 'P29 another case', file: named('I'), rows: ['(0)'] },
  {
    name: 'P29 two names for one column',
    file: named('A', 'a'),
    columns: 'a int',
    ...failing('HEADER_MISMATCH')('twice in the file: “a”'),
  },
  { name: 'P29 dots', file: named('a.b', 'i'), columns: '"a.b" int, i int', rows: ['(0,1)'] },
  {
    name: 'P29 an empty name',
    file: named('i', ''),
    columns: 'i int',
    ...failing('HEADER_INVALID')(''),
  },
  {
    name: 'P29 more columns than a table can have',
    file: named(...MANY),
    flags: ['--create'],
    ...failing('HEADER_INVALID')('1,601 names'),
  },
  {
    name: 'P29 a few of many columns',
    file: named(...MANY),
    columns: 'c1600 int, c0 int',
    flags: ['--extra-columns', 'skip'],
    rows: ['(1600,0)'],
  },
];

/** Beyond a number of 16 bits. */
const MANY_PAGES = 33_000;
/** A file of which the footer says more than there is. */
const forged = (change: (footer: FileMetaData) => void): Buffer =>
  rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3 }], change);

const LARGE: readonly ParquetCase[] = [
  {
    name: 'P30 more pages than 32,767',
    file: rawParquet([
      {
        element: INT,
        pages: Array.from({ length: MANY_PAGES }, (_, i) => dataPage(int32s(i), 1)),
        count: MANY_PAGES,
      },
    ]),
    columns: `i int check (i between 0 and ${String(MANY_PAGES - 1)}) primary key`,
    rows: Array.from({ length: MANY_PAGES }, (_, i) => `(${String(i)})`),
  },
  {
    name: 'P30 a row group of a trillion rows, said only',
    file: forged((footer) => {
      footer.num_rows = 10n ** 12n;
      for (const group of footer.row_groups) {
        group.num_rows = 10n ** 12n;
        for (const { meta_data: chunk } of group.columns) {
          if (chunk !== undefined) chunk.num_values = 10n ** 12n;
        }
      }
    }),
    ...failing('PARQUET_INVALID')('fewer than the footer says', { rowGroup: 0, column: 'i' }),
  },
  {
    name: 'P30 a column of two gigabytes, said only',
    file: forged(({ row_groups: [group] }) => {
      const chunk = group?.columns[0]?.meta_data;
      if (chunk !== undefined) chunk.total_compressed_size = 2n ** 31n;
    }),
    ...failing('PARQUET_INVALID')('outside'),
  },
  {
    name: 'statistics that lie',
    file: forged(({ row_groups: [group] }) => {
      const chunk = group?.columns[0]?.meta_data;
      if (chunk !== undefined) chunk.statistics = LIES;
    }),
    rows: ['(1)', '(2)', '(3)'],
  },
];

export const SHAPES: readonly ParquetCase[] = [
  ...ENCRYPTION,
  ...CODECS,
  ...NESTED,
  ...EMPTY,
  ...NAMES,
  ...LARGE,
];

/** A text of a megabyte, often: a page, and how often it stands in the row group. */
const PAGE_TEXTS = 32;

/**
 * A row group whose one column is larger than any memory that a load may have, in pages that pack well.
 *
 * @param pages of 32 MB each, when they are unpacked
 */
export function largeColumn(pages: number): { readonly file: Buffer; readonly rows: number } {
  const values = texts(...Array.from({ length: PAGE_TEXTS }, () => 'text'.repeat(2 ** 18)));
  const packed = gzipSync(values);
  const page = dataPage(packed, PAGE_TEXTS, { uncompressed_page_size: values.length });
  const count = PAGE_TEXTS * pages;
  const file = rawParquet([
    {
      ...{ element: { ...BYTES, converted_type: 'UTF8' }, codec: 'GZIP', count },
      pages: Array.from({ length: pages }, () => page),
    },
  ]);
  return { file, rows: count };
}
