import type { CsvDialect } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { testServers } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { loadManifest, readManifest } from '../src/index.ts';
import { useExtracting } from './extracting.ts';

/** Every kind of type with its extremes, as the server itself spells them. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  int2: ['-32768', '32767'],
  int4: ['-2147483648', '0'],
  int8: ['-9223372036854775808', '9223372036854775807'],
  numeric: ['NaN', '1.10', '-0.000000000000000000000000001', '1e1000', 'Infinity'],
  'numeric(10,3)': ['1.5', '-9999999.999'],
  float4: ['NaN', '-Infinity', '1e-45', '3.4028235e38', '0.1'],
  float8: ['NaN', 'Infinity', '5e-324', '1.7976931348623157e308', '0.1', '-0'],
  bool: ['t', 'f'],
  date: ['infinity', '4713-01-01 BC', '5874897-12-31', '2026-11-02'],
  timestamp: ['-infinity', '2026-11-02 03:04:05.123456', '294276-12-31 23:59:59.999999'],
  timestamptz: ['infinity', '2026-03-29 01:30:00+00', '0001-01-01 00:00:00+00 BC'],
  time: ['24:00:00', '00:00:00.000001'],
  timetz: ['12:00:00+14', '12:00:00-15:59'],
  interval: ['-1 year 2 days -03:04:05.000006', '178000000 years', '0'],
  uuid: ['00000000-0000-0000-0000-000000000000'],
  bytea: ['\\x', '\\x00ff0a0d2c22'],
  json: ['{"a": [1, null, "x\\ny"]}', '  1 '],
  jsonb: ['{"a": 1.00}', 'null'],
  inet: ['::1/128', '10.0.0.0/8'],
  bit: ['1'],
  varbit: ['', '10101'],
  money: ['-12.34'],
  'text[]': ['{}', '{NULL,"NULL","",a,"b,\\"c\\\\"}', '{{1,2},{3,4}}'],
  int4range: ['empty', '[1,)'],
  point: ['(1.5,-2)'],
  xml: ['<a b="c">&amp;</a>'],
  tsvector: ["'a':1 'b''c'"],
  'char(5)': ['ab', ''],
  '"char"': ['x', ''],
  text: [
    ...['', ' ', 'NULL', '\\N', '\\.', '"', '""', "'", ',', ';', '\t', '|', 'a\nb', 'a\r\nb', '\r'],
    ...['\n', '\\', '\\"', 'ä€𝄞', '\u202e', '=1+1', '\x01', '\ufeff', ' x ', 'a"b,c\n', '#', '--'],
  ],
};

const DIALECTS: readonly Partial<CsvDialect>[] = [
  {},
  { delimiter: ';', quote: "'", null: 'NULL' },
  { delimiter: '\t', escape: '\\', null: '\\N' },
  { delimiter: '|', header: false, null: ' ' },
];

/** Values that Parquet has no form for: an extract refuses them. */
const NOT_IN_PARQUET = new Set([
  ...['infinity', '-infinity', '4713-01-01 BC', '0001-01-01 00:00:00+00 BC', '24:00:00'],
  ...['5874897-12-31', '294276-12-31 23:59:59.999999'],
]);

describe.each(testServers())('what is extracted from $name', (server) => {
  const extracting = useExtracting(server);
  const { db, extract, path } = extracting;

  it.each(DIALECTS)('loads back as the same, in %o', async (dialect) => {
    const rows = await fill(() => true);
    const { error } = await extract({ from: { table: 't' }, csv: dialect });
    expect(error).toBeUndefined();
    const { columns } = await readManifest(path('out.csv.manifest.json'));
    expect(columns.map(({ type }) => type)).toContain('numeric(10,3)');
    await expectSameAgain('out.csv.manifest.json', rows);
  });

  it('loads back as the same, in Parquet', async () => {
    const rows = await fill((value) => !NOT_IN_PARQUET.has(value));
    const to = { path: path('out.parquet') };
    const { error } = await extract({ from: { table: 't' }, to, rowsPerFile: 20 });
    expect(error).toBeUndefined();
    await expectSameAgain('out.parquet.manifest.json', rows);
  });

  /** Makes the table, in which each row has one value, and the first none. @returns how many rows */
  async function fill(isWanted: (value: string) => boolean): Promise<number> {
    const types = Object.keys(VALUES);
    const names = types.map((type) => `"${type.replaceAll('"', '')} col"`);
    await db.sql(
      `create table t (id int, ${names.map((name, i) => `${name} ${types[i] ?? ''}`).join(', ')})`,
    );
    await db.sql('insert into t values (0)');
    let id = 0;
    for (const [i, type] of types.entries()) {
      for (const value of (VALUES[type] ?? []).filter(isWanted)) {
        id += 1;
        await db.sql(`insert into t (id, ${names[i] ?? ''}) values (${String(id)}, $1)`, [value]);
      }
    }
    return id + 1;
  }

  async function expectSameAgain(manifest: string, rows: number): Promise<void> {
    await db.sql('create table again (like t)');
    const loaded = await loadManifest(
      path(manifest),
      { into: `${db.schema}.again`, ledger: 'none' },
      { connect: () => connect({ target: db.url() }), database: db.database },
    );
    expect(loaded.error).toBeUndefined();
    expect(loaded.report.rowsLoaded).toBe(rows);
    // As text: also what has no equality, and differences that equality does not see.
    const difference = await db.sql(
      `select row::text from (
         (select t::text as row from t except all select a::text from again a) union all
         (select a::text from again a except all select t::text from t)) as d`,
    );
    expect(difference).toEqual([]);
  }
});
