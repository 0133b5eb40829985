/** DuckDB's type, the table's, and values: as DuckDB is given them, and as PostgreSQL prints them. */
export const VALUES: readonly (readonly [
  string,
  string,
  ...(string | readonly [string, string])[],
])[] = [
  ['BOOLEAN', 'boolean', 'true', 'false'],
  ['TINYINT', 'smallint', '-128', '127'],
  ['SMALLINT', 'smallint', '-32768', '32767'],
  ['INTEGER', 'integer', '-2147483648', '2147483647', '0', '-1'],
  ['BIGINT', 'bigint', '-9223372036854775808', '9223372036854775807', '-1', '4294967296'],
  ['UTINYINT', 'smallint', '0', '255'],
  ['USMALLINT', 'integer', '0', '65535'],
  ['UINTEGER', 'bigint', '0', '4294967295'],
  ['UBIGINT', 'numeric(20,0)', '0', '18446744073709551615'],
  ['FLOAT', 'real', '0.1', '-1.5', 'NaN', 'Infinity', '-Infinity', ['-0.0', '-0'], '3.4028235e+38'],
  ['DOUBLE', 'double precision', '0.1', 'NaN', '-Infinity', ['-0.0', '-0'], '5e-324'],
  ['DECIMAL(4,1)', 'numeric(4,1)', '-999.9', '0.0', '0.1', '100.0'],
  ['DECIMAL(9,3)', 'numeric(9,3)', '-999999.999', '0.001', '10000.000', '1.500'],
  ['DECIMAL(18,4)', 'numeric(18,4)', '-99999999999999.9999', '0.0001', '12345678.9000', '0.0000'],
  [
    ...([
      'DECIMAL(38,10)',
      'numeric(38,10)',
      '0.0000000001',
      '1.0000000000',
      '0.0000000000',
    ] as const),
    '-9999999999999999999999999999.9999999999',
  ],
  ['DECIMAL(15,15)', 'numeric(15,15)', '0.999999999999999', '-0.000000000000001'],
  ['VARCHAR', 'text', '', ' ', 'a"b,c', 'a\nb\r\t\\', 'ä€𝄞', '\\N', 'x'.repeat(300)],
  ['BLOB', 'bytea', ['', '\\x'], ['\\x00\\xFFA', '\\x00ff41']],
  ['UUID', 'uuid', '00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
  [
    'DATE',
    'date',
    '0001-01-01',
    '1969-12-31',
    '1970-01-01',
    '9999-12-31',
    ['0044-03-15 (BC)', '0044-03-15 BC'],
  ],
  ['TIME', 'time', '00:00:00', '23:59:59.999999'],
  [
    ...(['TIMESTAMP', 'timestamp', '0001-01-01 00:00:00', '1969-12-31 23:59:59.999999'] as const),
    ...['1970-01-01 00:00:00', '2026-11-21 20:30:00.000001', '9999-12-31 23:59:59'],
  ],
  ['TIMESTAMP_MS', 'timestamp', '1969-12-31 23:59:59.999', '2026-11-21 20:30:00.001'],
  [
    'TIMESTAMP_NS',
    'timestamp',
    '1969-12-31 23:59:59.999999',
    '2026-11-21 20:30:00.000001',
    '2262-04-11 23:47:16',
  ],
  ['TIMESTAMPTZ', 'timestamptz', ['2026-03-29 03:30:00+02', '2026-03-29 01:30:00+00']],
  ["ENUM('sad', 'happy')", 'text', 'happy', 'sad'],
  ['JSON', 'json', '{"a":  1, "a": [null, "x\\n"]}'],
  ['INTERVAL', 'interval', ['14 months 3 days 1.5 seconds', '1 year 2 mons 3 days 00:00:01.5']],
];

/** A row of the table of every type, which has one value: its column, its text, NULL everywhere else. */
export interface TypedRow {
  readonly id: number;
  readonly column: number;
  readonly stored: string;
}

export const ROWS: readonly TypedRow[] = VALUES.flatMap(([, , ...values], column) =>
  values.map((value) => ({ column, stored: typeof value === 'string' ? value : value[1] })),
).map((row, id) => ({ id, ...row }));

/** The table of every type. */
export const TABLE_SQL = `create table t (id int, ${VALUES.map(
  ([, type], i) => `c${String(i)} ${type}`,
).join(', ')})`;

/** The same rows for DuckDB. */
export const DUCKDB_QUERY = VALUES.flatMap(([, , ...values], column) =>
  values.map((value) => {
    const given = typeof value === 'string' ? value : value[0];
    return VALUES.map(([type], i) => {
      const cell = i === column ? `'${given}'` : 'NULL';
      return `CAST(${cell} AS ${type}) AS c${String(i)}`;
    }).join(', ');
  }),
)
  .map((cells, id) => `SELECT ${String(id)} AS id, ${cells}`)
  .join('\nUNION ALL ');

/** The row as the table of it must have it, every value as its text. */
export function storedRow({ id, column, stored }: TypedRow): Record<string, string | null> {
  const cells = VALUES.map((_, i) => [`c${String(i)}`, i === column ? stored : null]);
  return { id: String(id), ...(Object.fromEntries(cells) as Record<string, string | null>) };
}

/** Selects the table's rows, every value as its text. */
export const STORED_SQL = `select id::text, ${VALUES.map((_, i) => `c${String(i)}::text`).join(
  ', ',
)} from t order by t.id`;
