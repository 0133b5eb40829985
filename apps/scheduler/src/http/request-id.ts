import type { NextFunction, Request, Response } from 'express';
import { randomUUID } from 'node:crypto';

const HEADER = 'X-Request-Id';

/** Names every request, for its answer and for the log. */
export function nameRequest(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader(HEADER, randomUUID());
  next();
}

export function requestIdOf(response: Response): string {
  const header = response.getHeader(HEADER);
  return typeof header === 'string' ? header : '';
}
