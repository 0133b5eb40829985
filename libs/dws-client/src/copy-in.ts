import { CopylineError } from '@copyline/contracts';

import { setImmediate as nextTurn } from 'node:timers/promises';

import { settlesWithin } from './in-time.ts';
import { abortReason } from './interruption.ts';
import type { Session } from './session.ts';
import { StallWatch } from './stall-watch.ts';
import { CopyInChannel, type CopySink } from './wire/copy-in-channel.ts';

/** What a COPY … FROM STDIN reads: a function that writes, or anything that gives buffers. */
export type CopySource = ((sink: CopySink) => Promise<void>) | AsyncIterable<Buffer>;

/** What ends a COPY … FROM STDIN early; see `Connection.copyIn`. */
export interface CopyInOptions {
  /** Ends the COPY at once, also while its source is silent. Default: none. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds in which either side must make progress, until CopyDone: the source by giving
   * bytes, the server by taking them (waiting for a lock is no progress). Default: no limit. The
   * server has no such limit: `statement_timeout` does not interrupt a COPY that waits for its
   * client, which meanwhile holds its locks.
   */
  readonly stallTimeoutMs?: number;
}

/** How long the source of a COPY that has failed may take to clean up after itself. */
const FEED_TIMEOUT_MS = 1_000;

/** Smaller pieces of an iterable are put together: each message costs a header and a system call. */
const GATHER_BYTES = 64 * 1024;

/** Runs COPY … FROM STDIN; see `Connection.copyIn`. */
export async function runCopyIn(
  session: Session,
  statement: string,
  source: CopySource,
  options: CopyInOptions,
): Promise<number> {
  assertCopyFromStdin(statement);
  const leave = await session.occupy('copying-in', options.signal);
  try {
    return await copy(session, statement, source, options);
  } finally {
    leave();
  }
}

async function copy(
  session: Session,
  statement: string,
  source: CopySource,
  { signal, stallTimeoutMs }: CopyInOptions,
): Promise<number> {
  const isAutocommit = session.lastWord === 'idle';
  const watch = new StallWatch('copy-in', stallTimeoutMs, (reason) => {
    channel.abort(reason);
  });
  const channel = new CopyInChannel(session.client, statement, (waitsFor) => {
    watch.start(waitsFor === 'server' ? 'The server' : 'The source');
  });
  const onAbort = (): void => {
    if (signal !== undefined) channel.abort(abortReason(signal));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  watch.start('The source');
  const feeding = (async () => {
    await (typeof source === 'function' ? source(channel) : feed(source, channel));
  })();
  try {
    // Whichever fails first is the reason; what the other one says then is its echo.
    await Promise.race([feeding, channel.failed]);
    await channel.flush();
    watch.end();
    return await channel.finish();
  } catch (error) {
    watch.end();
    channel.abort(error);
    await Promise.all([session.proveReady(), settlesWithin(feeding, FEED_TIMEOUT_MS)]);
    if (isAutocommit && channel.stored === 'yes') return channel.rowCount;
    if (isAutocommit && channel.stored === 'maybe') throw storedPerhaps(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Writes what an iterable gives; ends it when the COPY fails. */
async function feed(source: AsyncIterable<Buffer>, channel: CopyInChannel): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  const gathered = Buffer.allocUnsafe(GATHER_BYTES);
  let size = 0;
  const flush = async (): Promise<void> => {
    await write(gathered.subarray(0, size));
    size = 0;
  };
  const write = async (bytes: Buffer): Promise<void> => {
    await channel.write(bytes);
    // A source that never waits would keep the server's refusal from being heard.
    await nextTurn();
  };
  try {
    for (;;) {
      // A source that says nothing must not keep a COPY that has failed.
      const step = await channel.whileRunning(iterator.next());
      if (step.done === true) break;
      const piece = step.value;
      if (size > 0 && size + piece.length > GATHER_BYTES) await flush();
      if (piece.length >= GATHER_BYTES) await write(piece);
      else size += piece.copy(gathered, size);
    }
    if (size > 0) await flush();
  } catch (error) {
    // A generator in the middle of something takes it only later: nobody waits for that here.
    const ended = iterator.return?.();
    if (ended !== undefined) await settlesWithin(ended, FEED_TIMEOUT_MS);
    throw error;
  }
}

function storedPerhaps(cause: unknown): CopylineError {
  const message = 'The answer to a COPY was lost; its rows may or may not be stored';
  return new CopylineError('COMMIT_UNKNOWN', message, {
    ...{ cause, commitState: 'unknown', phase: 'copy-in' },
  });
}

/**
 * Refuses what is not one COPY … FROM STDIN: a COPY stream cannot take other answers, and would end
 * the process instead of failing.
 *
 * @throws CopylineError `INTERNAL`
 */
function assertCopyFromStdin(statement: string): void {
  const unquoted = statement.replace(/"[^"]*"|'[^']*'/g, ' ').replace(/;\s*$/, '');
  if (/^\s*copy\s[^;]*\sfrom\s+stdin\b[^;]*$/i.test(unquoted)) return;
  throw new CopylineError('INTERNAL', 'copyIn takes one COPY … FROM STDIN and nothing else');
}
