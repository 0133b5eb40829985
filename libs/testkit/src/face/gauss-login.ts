import { createHash, randomBytes } from 'node:crypto';

import { type FaceRole, isProof, signatureOf, storeKeys, type StoredAs } from './gauss-keys.ts';

/** What the server asks the client, and how it judges the answer. */
export interface Challenge {
  /** The body of the message `R`, its code included. */
  readonly body: Buffer;
  accepts(answer: string): boolean;
}

/** A user that is not there is asked, too: nobody learns who is. */
const NOBODY: FaceRole = { password: '' };

/**
 * The request that a GaussDB makes of a user, by the way that the password is stored and by the minor
 * version of the protocol. Source: openGauss-server, `auth.cpp`.
 */
export function challenge(user: string, role: FaceRole | undefined, minor: number): Challenge {
  const { password, storedAs = 'sha256', iterations = 10_000 } = role ?? NOBODY;
  if (asksForMd5(storedAs, minor)) return askForMd5(user, password, role !== undefined);
  const hash = storedAs === 'sm3' ? 'sm3' : 'sha256';
  const salt = randomBytes(32);
  const token = randomBytes(4);
  const keys = storeKeys(password, salt, iterations, hash);
  const last =
    minor >= 51
      ? int32(iterations)
      : Buffer.from(minor >= 50 ? '' : signatureOf(keys, token).toString('hex'));
  const [code, method] = hash === 'sm3' ? [13, 3] : [10, 2];
  const fields = Buffer.from(salt.toString('hex') + token.toString('hex'));
  return {
    body: Buffer.concat([int32(code), int32(method), fields, last]),
    accepts: (answer) => role !== undefined && isProof(keys, token, answer, hash),
  };
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
