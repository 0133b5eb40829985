import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type CsvShape,
  rowsExactlyOnce,
  anyPostgres,
  useTestDatabase,
  writeCsv,
} from '../src/index.ts';
import { copyFrom } from './copy-from.ts';

const SHAPES: CsvShape[] = ['narrow', 'mixed', 'wide'];

async function temporaryFile(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'testkit-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, name);
}

describe.each(anyPostgres())('generated CSV on $name', (server) => {
  const db = useTestDatabase(server);

  it.each(SHAPES)('is what the server takes (%s)', async (shape) => {
    // More rows than are rendered, and rids of one to five digits.
    const rows = 20_000;
    const csv = await writeCsv(await temporaryFile('orders.csv'), { rows, shape });
    await db.sql(csv.createTableSql('orders'));
    const copy = copyFrom(await db.client(), 'copy orders from stdin (format csv, header match)');
    await pipeline(createReadStream(csv.path), copy);
    await rowsExactlyOnce(db, 'orders', rows);
    expect(await db.sql('select min(rid), max(rid) from orders')).toEqual([
      { min: 1n, max: BigInt(rows) },
    ]);
    expect((await stat(csv.path)).size).toBe(csv.bytes);
  });

  it('has what loaders confuse: NULL and empty, quotes and line ends', async () => {
    const csv = await writeCsv(await temporaryFile('orders.csv'), { rows: 2_000, seed: 7 });
    await db.sql(csv.createTableSql('orders'));
    const copy = copyFrom(await db.client(), 'copy orders from stdin (format csv, header true)');
    await pipeline(createReadStream(csv.path), copy);
    const [counts] = await db.sql<Record<string, number>>(
      `select count(*) filter (where code is null)::int as nulls,
              count(*) filter (where code = '')::int as empty,
              count(*) filter (where note like '%"%')::int as quotes,
              count(*) filter (where note like E'%\\n%')::int as newlines,
              count(*) filter (where note like '%東京%')::int as unicode
         from orders`,
    );
    for (const count of Object.values(counts ?? {})) expect(count).toBeGreaterThan(100);
  });

  it('is canonical: the server prints every value as it stood in the file', async () => {
    const csv = await writeCsv(await temporaryFile('orders.csv'), { rows: 500, header: false });
    await db.sql(csv.createTableSql('orders'));
    const copy = copyFrom(await db.client(), 'copy orders from stdin (format csv)');
    await pipeline(createReadStream(csv.path), copy);
    const printed = await db.sql(
      `select concat_ws(',', rid, account, balance, amount, ratio, active, booked_on, changed_at,
                        item) as line
         from orders where account is not null order by rid limit 300`,
    );
    const file = await readFile(csv.path, 'utf8');
    for (const { line } of printed) expect(file).toContain(`${String(line)},`);
  });
});

describe('generated CSV', () => {
  it('is the same for the same seed, and different for another', async () => {
    const bytesOf = async (seed: number, firstRid = 1): Promise<string> => {
      const path = await temporaryFile('orders.csv');
      await writeCsv(path, { rows: 100, seed, firstRid });
      return readFile(path, 'utf8');
    };
    expect(await bytesOf(1)).toBe(await bytesOf(1));
    expect(await bytesOf(1)).not.toBe(await bytesOf(2));
    const later = (await bytesOf(1, 9_999_999)).split('\n');
    expect(later[1]).toMatch(/^9999999,/);
    expect(later[2]).toMatch(/^10000000,/);
  });

  it('has only a header, or nothing, without rows', async () => {
    const path = await temporaryFile('orders.csv');
    expect((await writeCsv(path, { rows: 0, shape: 'narrow' })).rows).toBe(0);
    expect(await readFile(path, 'utf8')).toBe('rid,account,amount,active\n');
    expect((await writeCsv(path, { rows: 0, header: false })).bytes).toBe(0);
  });
});
