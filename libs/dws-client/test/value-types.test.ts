import { testServersAndFace, useTestDatabase } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { connected, conninfoOf } from './support/connected.ts';

/** SQL, and what arrives. */
const VALUES: readonly (readonly [sql: string, value: unknown])[] = [
  ['9223372036854775807::int8', 9223372036854775807n],
  ['(-9223372036854775808)::int8', -9223372036854775808n],
  ['2147483647::int4', 2147483647],
  ['32767::int2', 32767],
  [
    '12345678901234567890.12345678901234567890::numeric',
    '12345678901234567890.12345678901234567890',
  ],
  ['1.10::numeric', '1.10'],
  ["'NaN'::numeric", 'NaN'],
  ['0.1::float8', 0.1],
  ['1.1::float4', 1.1],
  ["'-Infinity'::float8", -Infinity],
  ['true', true],
  ["'ü€😀'::text", 'ü€😀'],
  ["''::text", ''],
  ['null::int8', null],
  ['null::timestamptz', null],
  ["'\\x00ff5c'::bytea", Buffer.from([0, 255, 0x5c])],
  ["'2024-02-29'::date", '2024-02-29'],
  ["'infinity'::date", 'infinity'],
  ["'0044-03-15 BC'::date", '0044-03-15 BC'],
  ["'2024-02-29 12:34:56.123456'::timestamp", '2024-02-29 12:34:56.123456'],
  ["'2024-02-29 12:34:56.123456+02'::timestamptz", '2024-02-29 10:34:56.123456+00'],
  ["'12:34:56.123456'::time", '12:34:56.123456'],
  ["'12:34:56.123456+02'::timetz", '12:34:56.123456+02'],
  ["'1 year 2 mons 3 days 04:05:06.789'::interval", '1 year 2 mons 3 days 04:05:06.789'],
  ["'{1,NULL,9223372036854775807}'::int8[]", [1n, null, 9223372036854775807n]],
  [
    "'{{1,2},{3,NULL}}'::int8[]",
    [
      [1n, 2n],
      [3n, null],
    ],
  ],
  ["'[0:1]={1,2}'::int8[]", [1n, 2n]],
  ["'{}'::int8[]", []],
  ["'{1.10,NULL}'::numeric[]", ['1.10', null]],
  ["'{2024-02-29,infinity}'::date[]", ['2024-02-29', 'infinity']],
  ["'{2024-02-29 12:34:56.123456}'::timestamp[]", ['2024-02-29 12:34:56.123456']],
  ["'{2024-02-29 12:34:56.123456+02}'::timestamptz[]", ['2024-02-29 10:34:56.123456+00']],
  ["'{12:34:56.123456}'::time[]", ['12:34:56.123456']],
  ["'{1 year 00:00:01.5}'::interval[]", ['1 year 00:00:01.5']],
  [`'{"a,b","c\\"d",NULL,"NULL",""}'::text[]`, ['a,b', 'c"d', null, 'NULL', '']],
  ["'{t,f,NULL}'::bool[]", [true, false, null]],
  [`'{"a": [1, null, "x"]}'::json`, { a: [1, null, 'x'] }],
  [`'{"a": 1.5}'::jsonb`, { a: 1.5 }],
  ["'null'::json", null],
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
];

describe.each(testServersAndFace())('values that arrive from $name', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;

  beforeEach(async () => {
    connection = await connected(conninfoOf(db));
    await connection.query("set timezone to 'UTC'; set datestyle to 'ISO'");
  });

  // One query each way: a statement with a parameter travels by the extended protocol.
  it('lose nothing, over either protocol', async () => {
    const list = VALUES.map(([sql], i) => `${sql} as c${i}`).join(', ');
    const wanted = Object.fromEntries(VALUES.map(([, value], i) => [`c${i}`, value]));
    expect((await connection.query(`select ${list}`)).rows[0]).toEqual(wanted);
    const { rows } = await connection.query(`select ${list}, $1::int4 as parameter`, [1]);
    expect(rows[0]).toEqual({ ...wanted, parameter: 1 });
  });

  it('are text for json on request, where numbers are beyond what JavaScript has', async () => {
    const { rows } = await connection.query(`select '{"n":12345678901234567890}'::json::text as j`);
    expect(rows).toEqual([{ j: '{"n":12345678901234567890}' }]);
  });
});
