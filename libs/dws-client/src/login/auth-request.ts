import { CopylineError } from '@copyline/contracts';

/**
 * What a server asks for that has its users' passwords as GaussDB keeps them. Codes of the message `R`
 * and their bodies: openGauss-server, `libpq/pqcomm.h` and `auth.cpp`.
 */
export type AuthRequest =
  | {
      readonly method: 'sha256' | 'sm3';
      /** 32 bytes. */
      readonly salt: Buffer;
      /** 4 bytes, other ones each time. */
      readonly token: Buffer;
      /** `undefined` where the protocol has no place for it. */
      readonly iterations: number | undefined;
      /** 32 bytes, by which the server proves that it knows the password; protocol 3.0 only. */
      readonly serverSignature: Buffer | undefined;
    }
  /** The form that servers before the current one had. */
  | { readonly method: 'sha256-of-md5'; readonly salt: Buffer };

/** Codes of authentication requests that mean something else here than on PostgreSQL, or nothing there. */
export const AUTH_CODE = { sha256: 10, md5OfSha256: 11, sm3: 13 } as const;

/** The methods that a request names in its first four bytes. */
const METHOD = { plain: 0, md5: 1, sha256: 2, sm3: 3 } as const;

/** GaussDB's own bounds of `auth_iteration_count`; each login pays for them. */
const LEAST_ITERATIONS = 2_048;
/** What openGauss calls the most; beyond it a server would only keep its client busy. */
const MOST_ITERATIONS = 10_000_000;

const SALT_DIGITS = 64;
const TOKEN_DIGITS = 8;
const SIGNATURE_DIGITS = 64;

/**
 * Whether a request with code 10 is GaussDB's: it begins with a number of four bytes. PostgreSQL's
 * begins with the name of a mechanism.
 */
export function isGaussRequest(code: number, body: Buffer): boolean {
  return code === AUTH_CODE.sm3 || (code === AUTH_CODE.sha256 && body[0] === 0);
}

/**
 * Reads the body of a request with code 10 or 13, in any of its three layouts: of protocol 3.51 (with
 * iterations), 3.50 (without) and 3.0 (with the server's signature).
 *
 * @throws CopylineError `AUTH_UNSUPPORTED`
 */
export function parseAuthRequest(code: number, body: Buffer): AuthRequest {
  const method = body.length >= 4 ? body.readInt32BE(0) : -1;
  const fields = body.subarray(4);
  if (code === AUTH_CODE.sha256 && method === METHOD.md5 && fields.length === 4) {
    return { method: 'sha256-of-md5', salt: fields };
  }
  const expected = code === AUTH_CODE.sm3 ? [METHOD.sm3] : [METHOD.sha256, METHOD.plain];
  if (!expected.some((each) => each === method)) {
    throw unsupported(`method ${String(method)} of authentication request ${String(code)}`);
  }
  const rest = fields.subarray(SALT_DIGITS + TOKEN_DIGITS);
  if (![0, 4, SIGNATURE_DIGITS].includes(rest.length) || fields.length < SALT_DIGITS) {
    throw unsupported(`an authentication request of ${String(body.length)} bytes`);
  }
  return {
    method: code === AUTH_CODE.sm3 ? 'sm3' : 'sha256',
    salt: fromHex(fields.subarray(0, SALT_DIGITS)),
    token: fromHex(fields.subarray(SALT_DIGITS, SALT_DIGITS + TOKEN_DIGITS)),
    iterations: rest.length === 4 ? checkIterations(rest.readInt32BE(0)) : undefined,
    serverSignature: rest.length === SIGNATURE_DIGITS ? fromHex(rest) : undefined,
  };
}

/** @throws CopylineError `AUTH_UNSUPPORTED` */
export function refuseAuthCode(code: number): never {
  if (code === AUTH_CODE.md5OfSha256) {
    // Its hash covers what the server has stored, which the client cannot know to the letter.
    throw unsupported(
      'MD5 of a SHA256 password (request 11)',
      'Have pg_hba.conf say sha256 for this client, or set the password again while password_encryption_type is 1.',
    );
  }
  throw unsupported(`authentication request ${String(code)}`);
}

export function unsupported(what: string, advice?: string): CopylineError {
  return new CopylineError('AUTH_UNSUPPORTED', `The server asks for ${what}`, {
    ...{ phase: 'connect' },
    ...(advice === undefined ? {} : { advice }),
  });
}

function checkIterations(iterations: number): number {
  if (iterations >= LEAST_ITERATIONS && iterations <= MOST_ITERATIONS) return iterations;
  throw unsupported(`a key of ${String(iterations)} iterations`);
}

function fromHex(digits: Buffer): Buffer {
  const text = digits.toString('latin1');
  if (!/^(?:[0-9a-f]{2})+$/i.test(text)) throw unsupported('a key that is no hexadecimal number');
  return Buffer.from(text, 'hex');
}
