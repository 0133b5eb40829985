import { Writable } from 'node:stream';
import type pg from 'pg';

/** The part of pg's connection that a COPY needs and its types do not show. */
interface CopyConnection {
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  stream: NodeJS.WritableStream;
}

/**
 * COPY FROM STDIN with nothing but pg: the kit's own tests must not depend on the driver they help
 * to test. The stream finishes when the server has answered the whole COPY.
 */
export function copyFrom(client: pg.Client, sql: string): Writable {
  let connection: CopyConnection | undefined;
  let begin: ((error?: Error) => void) | undefined;
  let finish: ((error?: Error) => void) | undefined;
  let failure: Error | undefined;
  const settle = (error?: Error): void => {
    failure ??= error;
    begin?.(failure);
    finish?.(failure);
    if (failure && !begin && !finish) stream.destroy(failure);
    begin = finish = undefined;
  };

  const submittable = {
    submit(to: CopyConnection): void {
      connection = to;
      to.query(sql);
    },
    handleCopyInResponse(): void {
      begin?.();
      begin = undefined;
    },
    handleCommandComplete: () => undefined,
    handleError: (error: Error) => settle(error),
    handleReadyForQuery: () => settle(),
  };

  const stream = new Writable({
    construct(callback) {
      begin = callback;
      client.query(submittable as unknown as pg.Submittable);
    },
    write(chunk: Buffer, _encoding, callback) {
      if (failure) return callback(failure);
      connection?.sendCopyFromChunk(chunk);
      // Back-pressure is not this helper's job: the files of these tests are small.
      callback();
    },
    final(callback) {
      if (failure) return callback(failure);
      finish = callback;
      connection?.endCopyFrom();
    },
  });
  return stream;
}
