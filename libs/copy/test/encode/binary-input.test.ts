import { sqlstateOf } from '@copyline/dws-client';
import { postgresServers, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { encoderFor, type FieldEncoder } from '../../src/encode/index.ts';
import { Differential, encodeField } from './differential.ts';

const NULL_FIELD = Buffer.from([0xff, 0xff, 0xff, 0xff]);

function field(encoder: FieldEncoder, value: string): Buffer {
  const encoded = encodeField(encoder, value);
  if (!Buffer.isBuffer(encoded)) throw new Error(`${value} is not accepted`);
  return encoded;
}

/** What the encoders rely on, and what is left to the server: it judges binary input, too. */
describe.each(postgresServers())('binary input, on $name', (server) => {
  const db = useTestDatabase(server);

  it.each([
    ['numeric(6,2)', ['1.005', '-1234.5', '8999.994', '0']],
    ['timestamp(0)', ['2023-12-31 23:59:59.5', '2023-01-01 00:00:00.499999']],
    ['time(2)', ['23:59:59.999', '12:00:00.125']],
    ['char(5)', ['a', 'ä  ', 'abcde   ', '']],
    ['varchar(3)', ['a  ', 'abc     ', 'ä€😀']],
  ])('applies the typmod of %s, directly and in a domain', async (type, values) => {
    await using differential = await Differential.open(db);
    const { connection } = differential;
    await connection.query(`create domain plain_domain as ${type}`);
    const encoder = await differential.prepare(type);
    const fields = values.map((value) => field(encoder, value));
    const [expected, stored] = await differential.store(values, fields);
    expect(stored.toString('hex')).toBe(expected.toString('hex'));
    await connection.query('drop table expected, stored');
    await connection.query('create table expected (i int4, v plain_domain)');
    await connection.query('create table stored (i int4, v plain_domain)');
    const [expectedInDomain, storedInDomain] = await differential.store(values, fields);
    expect(storedInDomain.toString('hex')).toBe(expectedInDomain.toString('hex'));
  });

  it('checks the constraints of a domain, and of a domain over it', async () => {
    await using differential = await Differential.open(db);
    const { connection } = differential;
    const encoder = await differential.prepare('int4');
    await connection.query(
      `create domain positive as int4 check (value > 0);
       create domain small as positive not null check (value < 10);
       drop table stored;
       create table stored (i int4, v small)`,
    );
    await differential.copyBinary([field(encoder, '5')]);
    const refusals: [Buffer, string][] = [
      [field(encoder, '-5'), '23514'],
      [field(encoder, '50'), '23514'],
      [NULL_FIELD, '23502'],
    ];
    for (const [bytes, sqlstate] of refusals) {
      const error: unknown = await differential.copyBinary([bytes]).catch((e: unknown) => e);
      expect(sqlstateOf(error)).toBe(sqlstate);
    }
  });

  it('stores a NULL, and refuses it in a column that is NOT NULL', async () => {
    await using differential = await Differential.open(db);
    const { connection } = differential;
    await differential.prepare('numeric(6,2)');
    await differential.copyBinary([NULL_FIELD]);
    await connection.query('delete from stored; alter table stored alter v set not null');
    const error: unknown = await differential.copyBinary([NULL_FIELD]).catch((e: unknown) => e);
    expect(sqlstateOf(error)).toBe('23502');
  });
});

describe('encoderFor', () => {
  const session = { serverVersion: 180_000, dateStyle: 'ISO, MDY', timeZone: 'UTC' };

  it.each(['xml', 'interval', 'timetz', '_int4', 'money', 'inet', 'point', 'constructor', 'char'])(
    'has no encoder for %s',
    (name) => {
      expect(encoderFor({ name, kind: 'base', typmod: -1 }, session)).toBeUndefined();
    },
  );

  it('has none for a type of a user that is called like one of the server', () => {
    expect(encoderFor({ name: 'int4', kind: 'other', typmod: -1 }, session)).toBeUndefined();
  });

  it('has none for a server that nothing is proven of', () => {
    const older = { ...session, serverVersion: 140_000 };
    expect(encoderFor({ name: 'int4', kind: 'base', typmod: -1 }, older)).toBeUndefined();
  });

  it('has none for an enum whose labels it does not know', () => {
    expect(encoderFor({ name: 'mood', kind: 'enum', typmod: -1 }, session)).toBeUndefined();
  });
});
