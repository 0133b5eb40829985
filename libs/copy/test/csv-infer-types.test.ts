import { anyServer } from '@copyline/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { typeOf } from '../src/csv/column-types.ts';
import { RUNS } from './csv-arbitrary.ts';
import { useLoading } from './csv-loading.ts';

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9]{${String(min)},${String(max)}}$`));
const two = fc.integer({ min: 0, max: 62 }).map((n) => String(n).padStart(2, '0'));
const year = fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, '0'));
const day = fc.tuple(year, two, two).map((parts) => parts.join('-'));
const time = fc
  .tuple(two, two, fc.option(two), fc.option(digits(1, 7)))
  .map(([h, m, s, f]) => [h, m, ...(s === null ? [] : [f === null ? s : `${s}.${f}`])].join(':'));
const zone = fc.oneof(
  fc.constantFrom('', 'Z', '+00', '-00', '+1', '+15', '+14:59', '-1400', '+05:30', '+24:00'),
  fc.tuple(fc.constantFrom('+', '-'), two, fc.constantFrom('', ':'), two).map((p) => p.join('')),
);
const number = fc
  .tuple(fc.constantFrom('', '-', '+'), digits(0, 25), fc.option(digits(0, 20)))
  .map(([sign, whole, part]) => sign + whole + (part === null ? '' : `.${part}`));
const spelling = fc.oneof(
  number,
  fc.bigInt({ min: -(2n ** 63n) - 2n, max: 2n ** 63n + 1n }).map(String),
  day,
  fc.tuple(day, fc.constantFrom(' ', 'T', 't'), time, zone).map((parts) => parts.join('')),
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  fc.constantFrom('true', 'false', 'TRUE', 't', 'yes', '', ' ', 'NaN', 'Infinity', '1e3', '0x10'),
  fc.constantFrom('-0', '-0.0', '00', '1_000', '١٢', '24:00', 'infinity', 'now', 'epoch', '1,5'),
);

/** Timestamps may come back in another form of the same instant; everything else letter by letter. */
const EXACT = new Set(['bigint', 'numeric', 'boolean', 'date', 'uuid', 'text']);

describe.each(anyServer())('a type chosen from the data, on $name', (server) => {
  const loading = useLoading(server);

  it('takes the spelling it was chosen for, and gives it back unaltered', async () => {
    const { db } = loading;
    await db.sql(`set timezone = 'UTC'`);
    await fc.assert(
      fc.asyncProperty(fc.array(spelling, { minLength: 1, maxLength: 40 }), async (texts) => {
        const rows = texts.map((text) => ({ text, type: typeOf(text) }));
        const columns = rows.map(
          ({ type }, i) => `($${String(i + 1)}::text)::${type}::text as c${String(i)}`,
        );
        const [row = {}] = await db.sql(
          `select ${columns.join(', ')}`,
          rows.map(({ text }) => text),
        );
        for (const [i, { text, type }] of rows.entries()) {
          const back = String(row[`c${String(i)}`]);
          if (EXACT.has(type)) expect(back, type).toBe(text);
          else expect(instantOf(back), `${text} as ${back}`).toBe(instantOf(text));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('is that of all its values: read as a whole file, NULL and quoted ones, too', async () => {
    const file = [
      'n,i,d,b,t,z,u,mixed,null,q,late',
      '1,1,2024-02-29,true,2024-01-01 10:00,2024-01-01T10:00Z,0d3f9a1e-5b7c-4d2e-8f90-123456789abc,1,,,1',
      '2.50,,,,,,,x,,"",1',
      ...Array.from({ length: 60_000 }, () => ',,,,,,,,,,1'),
      '-3,7,2023-12-31,false,2024-01-01T10:00:00.5,2024-01-01 10:00:00+05:30,,2024-01-01,,,01',
    ];
    const path = await loading.write(`${file.join('\n')}\n`);
    expect(await loading.load(path, { create: true })).toMatchObject({ rowsLoaded: 60_003 });
    const types = await loading.db.sql<{ name: string; type: string }>(
      `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = 't'::regclass and attnum > 0 order by attnum`,
    );
    expect(Object.fromEntries(types.map(({ name, type }) => [name, type]))).toEqual({
      n: 'numeric',
      i: 'bigint',
      d: 'date',
      b: 'boolean',
      t: 'timestamp without time zone',
      z: 'timestamp with time zone',
      u: 'uuid',
      mixed: 'text',
      null: 'text',
      q: 'text',
      late: 'text',
    });
    const [numeric] = await loading.db.sql(
      `select array_agg(n::text) as all from t where n is not null`,
    );
    expect(numeric).toEqual({ all: ['1', '2.50', '-3'] });
  });
});

/** Microseconds since 1970, read without the server; a time without zone counts as UTC. */
function instantOf(text: string): bigint {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)?( BC)?$/.exec(
      text,
    );
  if (match === null) throw new Error(`no timestamp: ${text}`);
  const [, y, mo, d, h, mi, s = '0', fraction = '', zone = 'Z', bc] = match;
  const at = new Date(0);
  at.setUTCFullYear(bc === undefined ? Number(y) : 1 - Number(y), Number(mo) - 1, Number(d));
  at.setUTCHours(Number(h), Number(mi), Number(s));
  const [, sign = '+', zh = '0', zm = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  const offset = (sign === '-' ? -1 : 1) * (Number(zh) * 60 + Number(zm));
  return BigInt(at.getTime() - offset * 60_000) * 1000n + BigInt(fraction.padEnd(6, '0'));
}
