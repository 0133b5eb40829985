import { CopylineError, ERRORS, type ErrorCode, type Problem } from '@copyline/contracts';
import type { Response } from 'express';
import type { z } from 'zod';

/** What an error code means to a client of the API. Whatever is not listed is our own fault: 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  REQUEST_INVALID: 422,
  CONFIG_INVALID: 422,
  CONNECTION_UNKNOWN: 422,
  SOURCE_NOT_FOUND: 422,
  SOURCE_NOT_A_FILE: 422,
  SOURCE_UNREADABLE: 422,
  SOURCE_FORBIDDEN: 403,
  SINK_UNWRITABLE: 422,
  SINK_FORBIDDEN: 403,
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  JOB_NOT_FOUND: 404,
  SCHEDULE_NOT_FOUND: 404,
  JOB_FINISHED: 409,
  IDEMPOTENCY_CONFLICT: 409,
  REQUEST_TOO_LARGE: 413,
  QUEUE_UNAVAILABLE: 503,
  CONTROL_UNAVAILABLE: 503,
  CONNECT_FAILED: 503,
  CONNECTION_LOST: 503,
  POOL_TIMEOUT: 503,
  CONNECTION_UNUSABLE: 503,
};

/** A fault of a request, with the field it is in. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

/** A request that is refused, with all its faults at once. */
export class RequestError extends CopylineError {
  readonly faults: readonly FieldFault[];

  constructor(code: ErrorCode, faults: readonly FieldFault[]) {
    const [first] = faults;
    const one =
      first === undefined ? 'The request is not valid' : `${first.field}: ${first.message}`;
    super(code, faults.length > 1 ? `${String(faults.length)} faults; ${one}` : one);
    this.faults = faults;
  }
}

/** @throws RequestError naming every field that is wrong */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RequestError('REQUEST_INVALID', parsed.error.issues.flatMap(faultsOf));
}

/** The error as a problem document. What is inside of us stays inside: the log has it. */
export function problemOf(error: CopylineError, requestId: string): Problem {
  const status = STATUS[error.code] ?? 500;
  const { meaning, advice } = ERRORS[error.code];
  const isOurs = status === 500;
  return {
    type: `urn:copyline:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: meaning,
    status,
    detail: isOurs ? 'The request failed inside the scheduler; its log says why' : textOf(error),
    code: error.code,
    advice: isOurs ? advice : error.advice,
    ...(error instanceof RequestError ? { errors: [...error.faults] } : {}),
    requestId,
  };
}

export function sendProblem(response: Response, problem: Problem): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="copyline"');
  if (problem.status === 503) response.setHeader('Retry-After', '2');
  response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

function textOf({ message, place: { expected } }: CopylineError): string {
  return expected === undefined ? message : `${message}; expected ${expected}`;
}

function faultsOf(issue: z.core.$ZodIssue): FieldFault[] {
  const field = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const at = field === '' ? '' : `${field}.`;
    return issue.keys.map((key) => ({ field: `${at}${key}`, message: 'is not a known field' }));
  }
  return [{ field: field === '' ? 'body' : field, message: issue.message }];
}
