import { asCopylineError, CopylineError } from '@copyline/contracts';
import {
  Catch,
  HttpException,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { Request, Response } from 'express';

import { problemOf, RequestError, sendProblem } from './problem.ts';
import { requestIdOf } from './request-id.ts';

/** Turns everything that is thrown into a problem document, and what is our fault into a log line. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger('Api');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const error = errorOf(thrown, http.getRequest<Request>());
    const problem = problemOf(error, requestIdOf(response));
    if (problem.status >= 500) {
      this.#log.error({ requestId: problem.requestId, code: error.code, message: error.message });
    }
    sendProblem(response, problem);
  }
}

/** Errors of the framework and of its body parser have a status, but no code of ours. */
function errorOf(thrown: unknown, request: Request): CopylineError {
  if (thrown instanceof CopylineError) return thrown;
  const status = thrown instanceof HttpException ? thrown.getStatus() : statusOf(thrown);
  if (status === 404) {
    return new CopylineError('NOT_FOUND', `There is nothing at ${request.method} ${request.path}`);
  }
  if (status === 413) {
    return new CopylineError('REQUEST_TOO_LARGE', 'The body of the request is too large');
  }
  if (status >= 400 && status < 500) {
    return new RequestError('REQUEST_INVALID', [{ field: 'body', message: 'is not JSON' }]);
  }
  return asCopylineError(thrown);
}

function statusOf(thrown: unknown): number {
  const status = (thrown as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : 500;
}
