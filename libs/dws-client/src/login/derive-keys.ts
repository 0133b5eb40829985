import { createHash, createHmac, getHashes, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

import { unsupported } from './auth-request.ts';

/**
 * The keys that GaussDB makes of a password: RFC 5802 with changes. PBKDF2 runs over SHA-1, the client
 * sends the XOR without a nonce of its own, and nothing prepares the password.
 *
 * Source: openGauss-server, `sha2.cpp` and `fe-auth.cpp`; openGauss-connector-jdbc, `MD5Digest.java`.
 */
export interface Keys {
  /** 32 bytes; all others are made of it. */
  readonly salted: Buffer;
  readonly serverKey: Buffer;
  readonly clientKey: Buffer;
  /** What the server keeps. */
  readonly storedKey: Buffer;
}

export interface KeyParameters {
  readonly password: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** What the server keeps is a hash by it. */
  readonly hash: 'sha256' | 'sm3';
}

const KEY_BYTES = 32;

/** The servers compute with this spelling. */
const SERVER_KEY_TEXT = 'Sever Key';
const CLIENT_KEY_TEXT = 'Client Key';

const derive = promisify(pbkdf2);

/**
 * Makes the keys; costs some milliseconds to seconds of another thread, by `iterations`.
 *
 * @throws CopylineError `AUTH_UNSUPPORTED` where Node's OpenSSL has no SM3
 */
export async function deriveKeys({
  password,
  salt,
  iterations,
  hash,
}: KeyParameters): Promise<Keys> {
  if (!getHashes().includes(hash)) throw unsupported(`${hash}, which this Node.js does not have`);
  const salted = await derive(Buffer.from(password), salt, iterations, KEY_BYTES, 'sha1');
  const clientKey = hmac(salted, CLIENT_KEY_TEXT);
  return {
    salted,
    serverKey: hmac(salted, SERVER_KEY_TEXT),
    clientKey,
    storedKey: createHash(hash).update(clientKey).digest(),
  };
}

/** By which a server proves that it keeps the keys of the password. */
export function serverSignature({ serverKey }: Keys, token: Buffer): Buffer {
  return hmac(serverKey, token);
}

/** By which a client proves that it knows the password; the same operation undoes it. */
export function clientProof({ storedKey, clientKey }: Keys, token: Buffer): Buffer {
  const mask = hmac(storedKey, token);
  return clientKey.map((byte, i) => byte ^ (mask[i] ?? 0)) as Buffer;
}

function hmac(key: Buffer, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
