import { CopylineError, type CopylineErrorOptions, type ErrorCode } from '@copyline/contracts';

/** An error as plain data, which is all that can go from one thread to another. */
export interface CarriedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly options: CopylineErrorOptions;
  readonly stack: string | undefined;
}

export function carry(error: CopylineError): CarriedError {
  const { code, message, cause, sqlstate, commitState, phase, advice, located, place } = error;
  return {
    ...{ code, message, stack: error.stack },
    options: {
      ...place,
      ...{ commitState, advice, located },
      ...(sqlstate === undefined ? {} : { sqlstate }),
      ...(phase === undefined ? {} : { phase }),
      // A cause that is an error stays one on the way, of which only name, message and stack are left.
      ...(cause instanceof Error ? { cause } : {}),
    },
  };
}

export function unpack({ code, message, options, stack }: CarriedError): CopylineError {
  const error = new CopylineError(code, message, options);
  if (stack !== undefined) error.stack = stack;
  return error;
}
