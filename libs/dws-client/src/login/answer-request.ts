import { CopylineError } from '@copyline/contracts';
import { createHash, timingSafeEqual } from 'node:crypto';

import type { AuthRequest } from './auth-request.ts';
import { clientProof, deriveKeys, serverSignature } from './derive-keys.ts';

/** What a server does not say in protocol 3.50 and the vendor's JDBC driver assumes. */
const ASSUMED_ITERATIONS = 2_048;

/**
 * `auth_iteration_count` by default: of GaussDB(DWS), of openGauss and GaussDB, and the least. Protocol
 * 3.0 does not name it, but the server's signature tells which one is right.
 */
const USUAL_ITERATIONS = [10_000, 50_000, 2_048] as const;

/**
 * The text of the PasswordMessage that answers a request.
 *
 * @throws CopylineError `AUTH_FAILED` for an empty password, or when the server's signature is not made
 *   of this password; `AUTH_UNSUPPORTED`
 */
export async function answerRequest(
  request: AuthRequest,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<string> {
  if (password === '') throw failed('The server asks for a password, and it is empty');
  if (request.method === 'sha256-of-md5') {
    const md5 = createHash('md5').update(`${password}${user}`).digest('hex');
    return `sha256${createHash('sha256').update(md5).update(request.salt).digest('hex')}`;
  }
  const { method: hash, salt, token, serverSignature: signature } = request;
  const candidates =
    signature === undefined ? [request.iterations ?? ASSUMED_ITERATIONS] : USUAL_ITERATIONS;
  for (const iterations of candidates) {
    const keys = await deriveKeys({ password, salt, iterations, hash });
    if (signature === undefined || timingSafeEqual(serverSignature(keys, token), signature)) {
      return clientProof(keys, token).toString('hex');
    }
  }
  throw failed('The server’s signature is not made of this password');
}

function failed(message: string): CopylineError {
  return new CopylineError('AUTH_FAILED', message, { phase: 'connect' });
}
