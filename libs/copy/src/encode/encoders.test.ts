import { describe, expect, it } from 'vitest';

import { ASK, encodedRoom, encoderFor, REFUSE, type EncoderSession } from './index.ts';

/** Each answer of each encoder once; that they are right is for the tests against the servers. */
const SESSION: EncoderSession = { serverVersion: 180_000, dateStyle: 'ISO, MDY', timeZone: 'UTC' };
const numericTypmod = (precision: number, scale: number): number => ((precision << 16) | scale) + 4;

function encode(
  name: string,
  value: string,
  { typmod = -1, session = SESSION }: { typmod?: number; session?: EncoderSession } = {},
): string {
  const encoder = encoderFor({ name, kind: 'base', typmod }, session);
  if (encoder === undefined) throw new Error(`no encoder for ${name}`);
  const bytes = Buffer.from(`<${value}>`);
  const out = Buffer.alloc(encodedRoom(bytes.length - 2));
  const end = encoder.encode(bytes, 1, bytes.length - 1, out, 0);
  if (end === ASK) return 'ask';
  if (end === REFUSE) return encoder.refusal(value).sqlstate;
  expect(out.readInt32BE(0)).toBe(end - 4);
  return out.toString('hex', 4, end);
}

describe('an encoder', () => {
  it.each([
    ['bool', 't', '01'],
    ['bool', 'OFF', '00'],
    ['bool', ' t', '01'],
    ['bool', '\tFALSE\r', '00'],
    ['bool', ' tr ue', '22P02'],
    ['bool', '  ', '22P02'],
    ['bool', 'o', '22P02'],
    ['int2', '-32768', '8000'],
    ['int2', '32768', '22003'],
    ['int4', '-1', 'ffffffff'],
    ['int4', '2147483648', '22003'],
    ['int4', '+5', '00000005'],
    ['int4', '\v -5 ', 'fffffffb'],
    ['int4', '+-5', '22P02'],
    ['int4', '+ 5', '22P02'],
    ['int4', '  ', '22P02'],
    ['int4', ' 2147483648', 'ask'],
    ['int4', '12a', '22P02'],
    ['int8', '-9223372036854775808', '8000000000000000'],
    ['int8', '9223372036854775807', '7fffffffffffffff'],
    ['int8', '9223372036854775808', '22003'],
    ['int8', '-4294967297', 'fffffffeffffffff'],
    ['float4', '0.1', '3dcccccd'],
    ['float4', '16777217', 'ask'],
    ['float4', '1e39', '22003'],
    ['float8', '-0', '8000000000000000'],
    ['float8', '0.1', '3fb999999999999a'],
    ['float8', ' +1e2 ', '4059000000000000'],
    ['float8', '1e400', '22003'],
    ['float8', '4.9e-324', 'ask'],
    ['float8', 'NaN', '7ff8000000000000'],
    ['numeric', '1.10', '0002000000000002000103e8'],
    ['numeric', '-0.00010000', '0001ffff400000080001'],
    ['numeric', '0.00', '0000000000000002'],
    ['numeric', '123456789012', '00030002000000000' + '4d2162e2334'],
    ['numeric', '1e5', '0001000100000000000a'],
    ['numeric', '1.5E+3', '000100000000000005dc'],
    ['numeric', '-1.50e1', '0001000040000001000f'],
    ['numeric', '12e-4', '0001ffff00000004000c'],
    ['numeric', '.5e1', '00010000000000000005'],
    ['numeric', '1e30', '00010007000000000064'],
    ['numeric', '1e31', 'ask'],
    ['numeric', 'e5', '22P02'],
    ['numeric', ' +1.5 ', '00020000000000010001' + '1388'],
    ['numeric', '+-1.5', '22P02'],
    ['numeric', '1,5', '22P02'],
    ['text', 'ä\\', 'c3a45c'],
    ['name', 'x'.repeat(64), 'ask'],
    ['uuid', 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'],
    ['uuid', 'a0eebc999c0b4ef8bb6d6bb9bd380a11', 'ask'],
    ['uuid', 'a0eebc99', '22P02'],
    ['bytea', '\\xDEad', 'dead'],
    ['bytea', 'a\\001\\\\', '61015c'],
    ['bytea', '\\xde ad', 'ask'],
    ['bytea', '\\xdea', '22023'],
    ['date', '2000-01-02', '00000001'],
    ['date', '1999-12-31', 'ffffffff'],
    ['date', '2023-02-31', '22008'],
    ['date', '31/12/2023', 'ask'],
    ['date', 'soon', '22007'],
    ['date', '-infinity', '80000000'],
    ['time', '00:00:01.5', '000000000016e360'],
    ['time', '24:00', 'ask'],
    ['time', '25:00', '22008'],
    ['timestamp', '2000-01-01 00:00:01', '00000000000f4240'],
    ['timestamp', '1999-12-31T23:59:59.999999', 'ffffffffffffffff'],
    ['timestamp', 'infinity', '7fffffffffffffff'],
    ['timestamptz', '2000-01-01 02:00:00+02', '0000000000000000'],
    ['timestamptz', '2000-01-01 00:00:00 CET', 'ask'],
    ['json', '{"a": [1, "\\u00e4"]}', Buffer.from('{"a": [1, "\\u00e4"]}').toString('hex')],
    ['json', '{"a": 01}', '22P02'],
    ['jsonb', '[]', '015b5d'],
    ['jsonb', '"\\u0000"', 'ask'],
  ])('of %s makes of %j: %s', (name, value, expected) => {
    expect(encode(name, value)).toBe(expected);
  });

  it('counts characters against a typmod, and spaces beyond it do not matter', () => {
    expect(encode('varchar', 'äöü', { typmod: 7 })).toBe('c3a4c3b6c3bc');
    expect(encode('varchar', 'äöüx', { typmod: 7 })).toBe('22001');
    expect(encode('bpchar', 'abc  ', { typmod: 7 })).toBe('6162632020');
  });

  it('refuses a number that a typmod cannot hold, and asks when rounding decides', () => {
    const typmod = numericTypmod(5, 2);
    expect(encode('numeric', '1000', { typmod })).toBe('22003');
    expect(encode('numeric', '999.995', { typmod })).toBe('ask');
    expect(encode('numeric', '999.99', { typmod })).not.toBe('ask');
  });

  it('knows a time without zone only where the session is in UTC', () => {
    const session = { ...SESSION, timeZone: 'Europe/Berlin' };
    expect(encode('timestamptz', '2000-01-01 00:00:00')).toBe('0000000000000000');
    expect(encode('timestamptz', '2000-01-01 00:00:00', { session })).toBe('ask');
  });

  it('refuses since when the server does: other bases are numbers from version 16 on', () => {
    const session = { ...SESSION, serverVersion: 150_000 };
    for (const name of ['int4', 'numeric']) {
      for (const value of ['1_000', '0x1F']) {
        expect(encode(name, value)).toBe('ask');
        expect(encode(name, value, { session })).toBe('22P02');
      }
    }
  });
});
