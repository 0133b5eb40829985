import { postgres18 } from '@copyline/testkit';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { openCodecs } from '../src/parquet/codecs.ts';
import { decodeRows } from '../src/parquet/decode-rows.ts';
import { readFooter } from '../src/parquet/footer.ts';
import { ParquetFault } from '../src/parquet/parquet-fault.ts';
import { useLoading } from './csv-loading.ts';
import { INT, int32s, rawParquet } from './parquet-raw.ts';
import { duckdbFile } from './parquet-writing.ts';

const good = rawParquet([{ element: INT, pages: int32s(1, 2, 3), count: 3 }]);

describe('a Parquet file that is not what it says', () => {
  const loading = useLoading(postgres18());
  const { db } = loading;
  const write: typeof loading.write = (...args) => loading.write(...args);
  const load: typeof loading.load = (...args) => loading.load(...args);

  it('is recognised by content, not by name', async () => {
    await db.sql('create table t (i int)');
    expect((await load(await write(good, 'x.csv'))).rowsLoaded).toBe(3);
    const damaged = Buffer.from(good).fill(0xff, 4, 8);
    expect((await load(await write(damaged))).error?.code).toBe('PARQUET_INVALID');
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
