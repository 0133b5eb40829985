import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** How a GaussDB keeps a password, by `password_encryption_type`; it says what the server asks for. */
export type StoredAs = 'md5' | 'sha256-and-md5' | 'sha256' | 'sm3';

/** A user of the face. */
export interface FaceRole {
  readonly password: string;
  /** Default: `sha256`. */
  readonly storedAs?: StoredAs;
  /** Default: 10,000, as GaussDB has it. */
  readonly iterations?: number;
}

/** What a server keeps of a password. It never sees the password again. */
export interface StoredKeys {
  readonly serverKey: Buffer;
  readonly storedKey: Buffer;
}

/**
 * Makes what a server keeps: written after the protocol's description, apart from the driver's own code,
 * so that both must be right.
 */
export function storeKeys(
  password: string,
  salt: Buffer,
  iterations: number,
  hash: 'sha256' | 'sm3',
): StoredKeys {
  const key = pbkdf2Sync(password, salt, iterations, 32, 'sha1');
  const clientKey = createHmac('sha256', key).update('Client Key').digest();
  return {
    serverKey: createHmac('sha256', key).update('Sever Key').digest(),
    storedKey: createHash(hash).update(clientKey).digest(),
  };
}

/** What a server of protocol 3.0 shows to prove that it has the keys. */
export function signatureOf({ serverKey }: StoredKeys, token: Buffer): Buffer {
  return createHmac('sha256', serverKey).update(token).digest();
}

/** Whether an answer, 64 hexadecimal digits, is made of the password that was stored. */
export function isProof(
  { storedKey }: StoredKeys,
  token: Buffer,
  answer: string,
  hash: 'sha256' | 'sm3',
): boolean {
  if (!/^[0-9a-f]{64}$/.test(answer)) return false;
  const mask = createHmac('sha256', storedKey).update(token).digest();
  const clientKey = Buffer.from(answer, 'hex').map((byte, i) => byte ^ (mask[i] ?? 0));
  return createHash(hash).update(clientKey).digest().equals(storedKey);
}
