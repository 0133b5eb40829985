import { postgres18 } from '@copyline/testkit';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { openCodecs } from '../src/parquet/codecs.ts';
import { decodeRows } from '../src/parquet/decode-rows.ts';
import { readFooter } from '../src/parquet/footer.ts';
import { ParquetFault } from '../src/parquet/parquet-fault.ts';
import { useLoading } from './csv-loading.ts';
import {
  dataPage,
  dictionaryPage,
  INT,
  int32s,
  rawFooter,
  rawParquet,
  BYTES,
} from './parquet-raw.ts';
import { duckdbFile } from './parquet-writing.ts';

const OPTIONAL = { ...INT, repetition_type: 'OPTIONAL' } as const;
/** Levels: their length, a run of as many ones. */
const ones = (count: number): Buffer => Buffer.from([2, 0, 0, 0, count << 1, 1]);
const good = rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3 }]);
const tail = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(good);
  change(bytes);
  return bytes;
};
const indexed = (bytes: number[]): ReturnType<typeof dataPage> =>
  dataPage(Buffer.from(bytes), 3, {
    data_page_header: {
      ...{ num_values: 3, encoding: 'RLE_DICTIONARY' },
      ...{ definition_level_encoding: 'RLE', repetition_level_encoding: 'RLE' },
    },
  });
const page = (header: object, bytes = int32s(1, 2, 3)): Buffer =>
  rawParquet([{ element: INT, pages: [{ ...dataPage(bytes, 3, header) }], count: 3 }]);

/** What a file is, the code that it ends with, and a part of what is said. */
const HOSTILE: readonly (readonly [string, Buffer, string, string])[] = [
  ['cut off', good.subarray(0, -20), 'PARQUET_INVALID', 'PAR1'],
  ['only a beginning', Buffer.from('PAR1\x15', 'latin1'), 'PARQUET_INVALID', 'PAR1'],
  [
    'footer longer than the file',
    tail((b) => b.writeUInt32LE(1e6, b.length - 8)),
    'PARQUET_INVALID',
    '1000000',
  ],
  [
    'footer of a negative length',
    tail((b) => b.writeInt32LE(-1, b.length - 8)),
    'PARQUET_INVALID',
    'footer',
  ],
  [
    'footer of nothing',
    tail((b) => b.writeUInt32LE(0, b.length - 8)),
    'PARQUET_INVALID',
    '0 bytes',
  ],
  [
    'list of two billion',
    rawFooter(Buffer.from([0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07])),
    'PARQUET_INVALID',
    'longer',
  ],
  [
    'text of two billion',
    rawFooter(Buffer.from([0x68, 0xff, 0xff, 0xff, 0xff, 0x07, 0])),
    'PARQUET_INVALID',
    'longer',
  ],
  [
    'lists in lists',
    rawFooter(Buffer.concat([Buffer.from([0x99]), Buffer.alloc(100_000, 0x19)])),
    'PARQUET_INVALID',
    'deeply',
  ],
  ['structs in structs', rawFooter(Buffer.alloc(100_000, 0x1c)), 'PARQUET_INVALID', 'deeply'],
  ['footer of noise', rawFooter(Buffer.from('the quick brown fox')), 'PARQUET_INVALID', ''],
  ['encrypted footer', rawFooter(Buffer.alloc(9), 'PARE'), 'PARQUET_ENCRYPTED', 'encrypted'],
  ['no schema', rawFooter(Buffer.from([0x16, 2, 0x16, 0, 0])), 'PARQUET_INVALID', ''],
  [
    'more children than elements',
    rawFooter(Buffer.from([0x29, 0x1c, 0x48, 1, 0x73, 0x15, 0xfe, 0xff, 0x7f, 0, 0])),
    'PARQUET_INVALID',
    'schema',
  ],
  [
    'row count of the footer',
    rawParquet([{ element: INT, pages: int32s(1), count: 1 }], (footer) => {
      footer.num_rows = 7n;
    }),
    ...(['PARQUET_INVALID', '7 rows'] as const),
  ],
  [
    'a column outside of the file',
    rawParquet([{ element: INT, pages: int32s(1), count: 1 }], (footer) => {
      const chunk = footer.row_groups[0]?.columns[0]?.meta_data;
      if (chunk !== undefined) chunk.data_page_offset = 1_000_000n;
    }),
    ...(['PARQUET_INVALID', 'outside'] as const),
  ],
  [
    'columns of different lengths',
    rawParquet([
      { element: INT, pages: int32s(1, 2), count: 2 },
      { element: { ...INT, name: 'j' }, pages: int32s(1), count: 1 },
    ]),
    ...(['PARQUET_INVALID', '1 values'] as const),
  ],
  [
    'rows without values',
    rawParquet([{ element: INT, pages: int32s(1), count: 3 }]),
    ...(['PARQUET_INVALID', 'fewer values'] as const),
  ],
  [
    'a dictionary of a negative size',
    rawParquet([
      { element: INT, pages: [dictionaryPage(int32s(1), -5), indexed([1, 6, 0])], count: 3 },
    ]),
    ...(['PARQUET_INVALID', 'impossible'] as const),
  ],
  [
    'a dictionary without its values',
    rawParquet([
      { element: INT, pages: [dictionaryPage(int32s(1), 5), indexed([1, 6, 0])], count: 3 },
    ]),
    ...(['PARQUET_INVALID', 'fewer values'] as const),
  ],
  [
    'an index outside of its dictionary',
    rawParquet([
      { element: INT, pages: [dictionaryPage(int32s(1), 1), indexed([1, 6, 1])], count: 3 },
    ]),
    ...(['PARQUET_INVALID', 'dictionary'] as const),
  ],
  [
    'indexes without a dictionary',
    rawParquet([{ element: INT, pages: [indexed([1, 6, 0])], count: 3 }]),
    ...(['PARQUET_INVALID', 'dictionary'] as const),
  ],
  [
    'indexes of 99 bits',
    rawParquet([
      { element: INT, pages: [dictionaryPage(int32s(1), 1), indexed([99, 6, 0])], count: 3 },
    ]),
    ...(['PARQUET_INVALID', 'indexes'] as const),
  ],
  [
    'fewer levels than values',
    rawParquet([{ element: OPTIONAL, pages: Buffer.concat([ones(2), int32s(1, 2)]), count: 3 }]),
    ...(['PARQUET_INVALID', 'fewer values'] as const),
  ],
  [
    'levels above the highest',
    rawParquet([
      {
        element: OPTIONAL,
        pages: Buffer.concat([Buffer.from([2, 0, 0, 0, 6, 3]), int32s(1, 2, 3)]),
        count: 3,
      },
    ]),
    ...(['PARQUET_INVALID', 'level'] as const),
  ],
  [
    'levels longer than the page',
    rawParquet([{ element: OPTIONAL, pages: Buffer.from([255, 255, 255, 127, 6, 1]), count: 3 }]),
    ...(['PARQUET_INVALID', 'levels'] as const),
  ],
  ['another checksum', page({ crc: 12345 }), 'PARQUET_CHECKSUM', 'checksum'],
  [
    'a page longer than its column',
    page({ compressed_page_size: 5000 }),
    'PARQUET_INVALID',
    'longer',
  ],
  [
    'a page of two gigabytes',
    page({ uncompressed_page_size: 2_147_483_647 }),
    'PARQUET_TOO_LARGE',
    '2147483647',
  ],
  [
    'a page of a negative size',
    page({ uncompressed_page_size: -1 }),
    'PARQUET_INVALID',
    'impossible',
  ],
  [
    'a page that says another length',
    page({ uncompressed_page_size: 13 }),
    'PARQUET_INVALID',
    '13',
  ],
  [
    'a page that unpacks to more',
    rawParquet([
      {
        element: INT,
        pages: [dataPage(gzipSync(Buffer.alloc(50_000_000)), 3, { uncompressed_page_size: 12 })],
        count: 3,
        codec: 'GZIP',
      },
    ]),
    ...(['PARQUET_INVALID', 'unpacked'] as const),
  ],
  ...(['SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW'] as const).map(
    (codec) =>
      [
        `noise for ${codec}`,
        rawParquet([
          {
            element: INT,
            pages: [dataPage(Buffer.alloc(40, 0xb7), 3, { uncompressed_page_size: 12 })],
            count: 3,
            codec,
          },
        ]),
        'PARQUET_INVALID',
        'page',
      ] as const,
  ),
  ...(['LZO', 'LZ4'] as const).map(
    (codec) =>
      [
        `packed with ${codec}`,
        rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3, codec }]),
        'PARQUET_UNSUPPORTED',
        codec,
      ] as const,
  ),
  [
    'a text of a negative length',
    rawParquet([{ element: BYTES, pages: int32s(-5), count: 1 }]),
    'PARQUET_INVALID',
    'longer',
  ],
  [
    'a text longer than its page',
    rawParquet([{ element: BYTES, pages: int32s(500), count: 1 }]),
    'PARQUET_INVALID',
    'longer',
  ],
];

describe('a Parquet file that is not what it says', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const write: typeof loading.write = (...args) => loading.write(...args);
  const load: typeof loading.load = (...args) => loading.load(...args);

  it('ends the load with a code and what is wrong, and stores nothing', async () => {
    await db.sql('create table t (i text, j int)');
    for (const [what, bytes, code, part] of HOSTILE) {
      const path = await write(bytes, 'file.parquet');
      const { error, rowsLoaded } = await load(path, {
        mapping: { missingColumns: 'default' },
      });
      expect([what, error?.code]).toEqual([what, code]);
      expect(error?.message).toContain(part);
      expect(error).toMatchObject({ source: path, retry: 'never' });
      expect(rowsLoaded).toBe(0);
    }
    expect(await db.sql('select * from t')).toEqual([]);
  });

  it('is recognised by content, not by name', async () => {
    await db.sql('create table t (i int)');
    expect((await load(await write(good, 'x.csv'))).rowsLoaded).toBe(3);
    const csv = await write('i\n1\n', 'x.parquet');
    expect((await load(csv, { format: 'parquet' })).error?.code).toBe('NOT_PARQUET');
    expect((await load(csv)).rowsLoaded).toBe(1);
    const empty = await write(Buffer.alloc(0), 'x.parquet');
    expect((await load(empty, { format: 'parquet' })).error?.code).toBe('EMPTY_SOURCE');
    const isCsv = { format: 'csv' } as const;
    expect((await load(await write(good), isCsv)).error?.code).toBe('NOT_CSV');
  });

  it('fails as it should wherever a byte is changed', { timeout: 600_000 }, async () => {
    const flips = process.env['COPYLINE_SOAK'] === '1' ? 20_000 : 100;
    const query = `select i, case when i % 3 > 0 then i * 1.5 end::decimal(9,2) as d, 'text ' || i % 50 as t,
                          [i, i + 1] as l, i::double as f, date '2020-01-01' + i::int as day
                     from range(200) x(i)`;
    for (const options of [', COMPRESSION snappy', ', PARQUET_VERSION v2, COMPRESSION zstd']) {
      const path = await duckdbFile(query, options);
      const original = await readFile(path);
      let seed = 1;
      const random = (most: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % most;
      };
      const outcomes = new Set<string>();
      for (let n = 0; n < flips; n += 1) {
        const bytes = Buffer.from(original);
        // The end more often: the footer is where lengths are.
        const at =
          n % 2 === 0
            ? random(bytes.length)
            : bytes.length - 1 - random(Math.min(700, bytes.length));
        bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        const changed = `${path}.flipped`;
        writeFileSync(changed, bytes);
        outcomes.add(await decoded(changed, bytes));
      }
      expect(
        [...outcomes].filter(
          (outcome) => !/^(done|PARQUET_|NOT_PARQUET|VALUE_|SOURCE_)/.test(outcome),
        ),
      ).toEqual([]);
      expect([...outcomes]).toContain('PARQUET_INVALID');
    }
  });
});

/** Decodes a file without a server: how it ends. */
async function decoded(path: string, bytes: Buffer): Promise<string> {
  const fd = openSync(path, 'r');
  try {
    const footer = await readFooter(bytes.length, (at, length) =>
      Promise.resolve(bytes.subarray(at, at + length)),
    );
    const codecs = await openCodecs(
      footer.groups.flatMap(({ chunks }) => chunks.map(({ codec }) => codec)),
    );
    const text = { name: 'text', kind: 'base', typmod: -1 } as const;
    const columns = footer.columns.map(({ name }, field) => ({ field, name, target: text }));
    const pieces = decodeRows(
      fd,
      {
        ...{ footer, columns, set: [], isBinary: true, keepsRejects: true },
        session: { serverVersion: 180_000, dateStyle: 'ISO', timeZone: 'UTC' },
        truncatesNanoseconds: false,
      },
      codecs,
      () => undefined,
    );
    for (const { rows } of pieces) expect(rows >= 0).toBe(true);
    return 'done';
  } catch (error) {
    return error instanceof ParquetFault ? error.code : String(error);
  } finally {
    closeSync(fd);
  }
}
