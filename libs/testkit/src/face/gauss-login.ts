import { createHash, randomBytes } from 'node:crypto';

import {
  type FaceRole,
  isProof,
  signatureOf,
  storeKeys,
  type StoredAs,
  type StoredKeys,
} from './gauss-keys.ts';

/** What the server asks the client, and how it judges the answer. */
export interface Challenge {
  /** The body of the message `R`, its code included. */
  readonly body: Buffer;
  accepts(answer: string): boolean;
}

/** What is stored with a password is made once, the salt with it; only the token is another each time. */
const stored = new WeakMap<FaceRole, { readonly salt: Buffer; readonly keys: StoredKeys }>();

/** A user that is not there is asked, too: nobody learns who is. */
const NOBODY: FaceRole = { password: 'nobody knows' };

/**
 * The request that a GaussDB makes of a user, by the way that the password is stored and by the minor
 * version of the protocol. Source: openGauss-server, `auth.cpp`.
 */
export function challenge(user: string, known: FaceRole | undefined, minor: number): Challenge {
  const role = known ?? NOBODY;
  const { password, storedAs = 'sha256', iterations = 10_000 } = role;
  if (asksForMd5(storedAs, minor)) return askForMd5(user, password, known !== undefined);
  const hash = storedAs === 'sm3' ? 'sm3' : 'sha256';
  const { salt, keys } = storedFor(role, password, iterations, hash);
  const token = randomBytes(4);
  const last =
    minor >= 51
      ? int32(iterations)
      : Buffer.from(minor >= 50 ? '' : signatureOf(keys, token).toString('hex'));
  const [code, method] = hash === 'sm3' ? [13, 3] : [10, 2];
  const fields = Buffer.from(salt.toString('hex') + token.toString('hex'));
  return {
    body: Buffer.concat([int32(code), int32(method), fields, last]),
    accepts: (answer) => known !== undefined && isProof(keys, token, answer, hash),
  };
}

function storedFor(
  role: FaceRole,
  password: string,
  iterations: number,
  hash: 'sha256' | 'sm3',
): { readonly salt: Buffer; readonly keys: StoredKeys } {
  let found = stored.get(role);
  if (found === undefined) {
    const salt = randomBytes(32);
    found = { salt, keys: storeKeys(password, salt, iterations, hash) };
    stored.set(role, found);
  }
  return found;
}

function asksForMd5(storedAs: StoredAs, minor: number): boolean {
  return storedAs === 'md5' || (storedAs === 'sha256-and-md5' && minor < 50);
}

function askForMd5(user: string, password: string, isKnown: boolean): Challenge {
  const salt = randomBytes(4);
  const md5 = (...parts: (string | Buffer)[]): string =>
    parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex');
  return {
    body: Buffer.concat([int32(5), salt]),
    accepts: (answer) => isKnown && answer === `md5${md5(md5(password, user), salt)}`,
  };
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
