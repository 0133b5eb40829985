import { CopylineError } from '@copyline/contracts';

/** Where bytes go: a file that is not visible yet, or a stream that somebody reads. */
export interface ByteTarget {
  /**
   * Takes the buffer over. `undefined`: more is welcome; a promise: after it. Whoever writes on
   * regardless gets the same promise, so that one of them need be awaited.
   *
   * @throws CopylineError `SINK_…`, at once or from the promise, for this write or an earlier one
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Resolves when everything is where it should be: on the disk, or with the reader. */
  finish(): Promise<void>;
  /** Takes back what can be taken back. Idempotent; never throws. */
  discard(): Promise<void>;
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const UNWRITABLE = new Set([
  ...[
    'ENOENT',
    'ENOTDIR',
    'EISDIR',
    'EACCES',
    'EPERM',
    'EROFS',
    'ELOOP',
    'ENAMETOOLONG',
    'ETXTBSY',
  ],
]);

/** A failure of the file system as an error with a code. The path is left to the report. */
export function sinkError(doing: string, cause: unknown, bytesWritten?: number): CopylineError {
  if (cause instanceof CopylineError) return cause;
  const errno = errnoOf(cause) ?? '';
  const message = cause instanceof Error ? cause.message : String(cause);
  const reason = message.split(', ')[0] ?? message;
  if (FULL.has(errno)) {
    const reached = bytesWritten === undefined ? '' : ` after ${String(bytesWritten)} bytes`;
    return new CopylineError('SINK_ENOSPC', `${doing} failed${reached}: ${reason}`, { cause });
  }
  if (errno === 'EPIPE') {
    return new CopylineError('SINK_CLOSED', 'The reader of the output has gone', { cause });
  }
  const code =
    errno === 'EEXIST' ? 'SINK_EXISTS' : UNWRITABLE.has(errno) ? 'SINK_UNWRITABLE' : null;
  return new CopylineError(code ?? 'SINK_FAILED', `${doing} failed: ${reason}`, { cause });
}

export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
