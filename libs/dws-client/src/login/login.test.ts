import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { answerRequest } from './answer-request.ts';
import {
  type AuthRequest,
  isGaussRequest,
  parseAuthRequest,
  refuseAuthCode,
} from './auth-request.ts';
import { clientProof, deriveKeys, serverSignature } from './derive-keys.ts';

/**
 * Test vectors, computed with three implementations that agree: one after openGauss' C, one after its
 * JDBC driver, and gaussdb-node's own.
 */
const VECTORS = [
  {
    name: 'ASCII, 10,000 iterations',
    password: 'Gauss@123',
    salt: '0123456789abcdef'.repeat(4),
    token: 'a1b2c3d4',
    iterations: 10_000,
    salted: '8142c0a52e1ad32e319e514ef9d9c73ac49aa14cd4999e712207ad8c247c0f99',
    serverKey: '171168e37c58a4b985bbacc30d5f4a377e7dcada26e99fd54f8db163a1010a91',
    clientKey: '81952c8f6b6c9c8e7d6a8dec3d66ae8bad9f61709479bb0491573120cdfb2999',
    storedKey: 'b870f227d7b7a92298ffabf84acfe627c1faac697acf99144bf86b2f022cd6f1',
    signature: '2a5a5f96a7fe7457faacafe98ac29b8675b3d7cefba6500ba906a79fbcce8bc3',
    answer: 'df996fdae2a65be0ddd61a3defc9aa35083904ed0cf35115951dfe6ddd7f87c4',
  },
  {
    name: 'UTF-8, 2,048 iterations',
    password: '密码Test#1',
    salt: 'f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff',
    token: '00ff7f80',
    iterations: 2048,
    salted: '17c9cf8a43124939d2bd88d60f3729cda0d05718e904f6c84dd0e54615249036',
    serverKey: 'a7ac3fc0b4e00490e610d546316a84f77e5c01382f64c88a7c158df43a29d315',
    clientKey: '991fedbe6d6daf9141738c1c50106d4090e4bdd0694058e6c88bcf324c259bd7',
    storedKey: '611731dd5005841e2a1162c9ab255e323193775cae9da9f897d083b4bd18ed9c',
    signature: '599af74a758545b268ec2a6613060df610a6f6a771a06f176b35f80d8d31802d',
    answer: '0c55c7998b4e1c2270a9eabc824c30c9fbcb902cac2be6664ef5e5a2dcd3e997',
  },
] as const;

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const bodyOf = (method: number, ...rest: (string | Buffer)[]): Buffer =>
  Buffer.concat([int32(method), ...rest.map((part) => Buffer.from(part))]);

describe.each(VECTORS)('the SHA256 login of GaussDB: $name', (vector) => {
  const { password, salt, token, iterations, signature, answer } = vector;

  it('makes every key on the way', async () => {
    const keys = await deriveKeys({ password, salt: hex(salt), iterations, hash: 'sha256' });
    const { salted, serverKey, clientKey, storedKey } = vector;
    expect(keys).toEqual({
      salted: hex(salted),
      serverKey: hex(serverKey),
      clientKey: hex(clientKey),
      storedKey: hex(storedKey),
    });
    expect(serverSignature(keys, hex(token)).toString('hex')).toBe(signature);
    // What the server does with the answer.
    const proof = clientProof(keys, hex(token));
    const mask = createHmac('sha256', keys.storedKey).update(hex(token)).digest();
    const found = Buffer.from(proof.map((byte, i) => byte ^ (mask[i] ?? 0)));
    expect(createHash('sha256').update(found).digest()).toEqual(keys.storedKey);
  });

  it.each([
    ['3.51', bodyOf(2, salt, token, int32(iterations))],
    ['3.0', bodyOf(2, salt, token, signature)],
    ['3.51, by method 0', bodyOf(0, salt, token, int32(iterations))],
  ])('answers in protocol %s', async (_, body) => {
    expect(isGaussRequest(10, body)).toBe(true);
    const request = parseAuthRequest(10, body);
    expect(await answerRequest(request, { user: 'u', password })).toBe(answer);
  });

  it('does not answer a server of protocol 3.0 that does not know the password', async () => {
    const request = parseAuthRequest(10, bodyOf(2, salt, token, 'ab'.repeat(32)));
    await expect(answerRequest(request, { user: 'u', password })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
  });
});

describe('the other logins of GaussDB', () => {
  const [first, second] = VECTORS;
  const as = (request: AuthRequest, password: string = first.password): Promise<string> =>
    answerRequest(request, { user: 'dbadmin', password });

  it('in protocol 3.50, which does not tell the iterations, are taken for what JDBC assumes', async () => {
    const body = bodyOf(2, second.salt, second.token);
    expect(await as(parseAuthRequest(10, body), second.password)).toBe(second.answer);
  });

  it('by SM3', async () => {
    const body = bodyOf(3, first.salt, first.token, int32(first.iterations));
    expect(isGaussRequest(13, body)).toBe(true);
    expect(await as(parseAuthRequest(13, body))).toBe(
      'efbe4c44113d27d3eac14b557d68f204cd90ddbc46b0ce0eaa3f61822bd5a66b',
    );
  });

  it('by SHA256 of MD5, as old servers want it', async () => {
    expect(await as(parseAuthRequest(10, bodyOf(1, hex('deadbeef'))))).toBe(
      'sha256dbdd9fb7705522c7f5ccc69e1eead1164618c0d5f6a7bc314a138e3dcda1ec87',
    );
  });

  it('need a password that is not empty', async () => {
    await expect(as(parseAuthRequest(10, bodyOf(1, hex('deadbeef'))), '')).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
  });

  it('are told from PostgreSQL’s SASL, which has the same code', () => {
    expect(isGaussRequest(10, Buffer.from('SCRAM-SHA-256\0\0'))).toBe(false);
    expect(isGaussRequest(5, hex('deadbeef'))).toBe(false);
  });

  it('by MD5 of SHA256 are refused, with what to do', () => {
    expect(() => refuseAuthCode(11)).toThrow(
      expect.objectContaining({
        code: 'AUTH_UNSUPPORTED',
        advice: expect.stringContaining('password_encryption_type is 1') as string,
      }),
    );
  });

  it.each([
    ['too few iterations', 10, bodyOf(2, first.salt, first.token, int32(1))],
    ['negative iterations', 10, bodyOf(2, first.salt, first.token, int32(-1))],
    [
      'iterations that would take minutes',
      10,
      bodyOf(2, first.salt, first.token, int32(10_000_001)),
    ],
    ['a method that nobody knows', 10, bodyOf(9, first.salt, first.token, int32(10_000))],
    ['SHA256 under the code of SM3', 13, bodyOf(2, first.salt, first.token, int32(10_000))],
    ['a salt that is cut off', 10, bodyOf(2, first.salt.slice(2))],
    ['a salt that is no hexadecimal number', 10, bodyOf(2, 'x'.repeat(64), first.token)],
    ['one byte too many', 10, bodyOf(2, first.salt, first.token, int32(10_000), 'x')],
    ['no method', 10, hex('000000')],
  ])('with %s are refused', (_, code, body) => {
    expect(() => parseAuthRequest(code, body)).toThrow(
      expect.objectContaining({ code: 'AUTH_UNSUPPORTED' }),
    );
  });
});
