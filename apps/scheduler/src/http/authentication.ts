import { asCopylineError, CopylineError } from '@copyline/contracts';
import type { Access } from '@copyline/queue';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { problemOf, sendProblem } from './problem.ts';
import { requestIdOf } from './request-id.ts';

export const SESSION_COOKIE = 'copyline_session';

/** Needs nothing: health, the files of the page (its data is behind the token), and signing in. */
function isOpen({ method, path }: Request): boolean {
  if (path === '/healthz' || path === '/readyz') return true;
  if (path === '/api/v1/session') return method === 'POST';
  return !isProtected(path);
}

/** Compared as Express matches: without regard to case, so that no spelling slips through. */
function isProtected(path: string): boolean {
  return /^\/(api|queues)(\/|$)/i.test(path);
}

/**
 * Lets a request through that shows a token (`Authorization: Bearer`) or the session of a browser that
 * has shown one. Comes before anything reads the body.
 */
export function authenticate(access: Access): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (isOpen(request)) {
      next();
      return;
    }
    identify(request, access).then(
      () => {
        next();
      },
      (error: unknown) => {
        sendProblem(response, problemOf(asCopylineError(error), requestIdOf(response)));
      },
    );
  };
}

/** The session's secret needs no decoding: it is base64url. */
const SESSION = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=([\\w-]+)`);

export function sessionOf({ headers }: Request): string | undefined {
  return SESSION.exec(headers.cookie ?? '')?.[1];
}

/** @throws CopylineError `UNAUTHENTICATED`, or what the control database says */
async function identify(request: Request, access: Access): Promise<void> {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization) ?? [];
    if (token !== undefined && (await access.isToken(token))) return;
    throw new CopylineError('UNAUTHENTICATED', 'The access token is wrong');
  }
  const session = sessionOf(request);
  if (session === undefined) {
    throw new CopylineError('UNAUTHENTICATED', 'The request has no access token');
  }
  // A cookie comes along by itself, also with a request that another site has made up.
  if (!isFromHere(request)) {
    throw new CopylineError('UNAUTHENTICATED', 'The request comes from another site');
  }
  if (await access.isSession(session)) return;
  throw new CopylineError('UNAUTHENTICATED', 'The session has ended');
}

function isFromHere({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
}
