import type { Writable } from 'node:stream';

import { sinkError, type ByteTarget } from './byte-target.ts';

/** A stream that somebody else reads, at the reader's pace. What it has taken cannot be taken back. */
export class StandardOutput implements ByteTarget {
  readonly #stream: Writable;
  readonly #onFailure: (error: unknown) => void;
  #failure: unknown;
  #room: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  /** @param onFailure told when the reader goes, also while nobody writes */
  constructor(stream: Writable, onFailure: (error: unknown) => void) {
    this.#stream = stream;
    this.#onFailure = onFailure;
    stream.on('error', this.#onError).on('close', this.#onClose).on('drain', this.#onDrain);
  }

  write(bytes: Buffer): Promise<void> | undefined {
    this.#assertWhole();
    if (this.#stream.write(bytes)) return undefined;
    this.#room ??= this.#drained().finally(() => {
      this.#room = undefined;
    });
    return this.#room;
  }

  async finish(): Promise<void> {
    this.#assertWhole();
    await new Promise<void>((resolve, reject) => {
      this.#stream.write('', (error) => {
        if (error) reject(sinkError('Writing the output', error));
        else resolve();
      });
    });
    this.#letGo();
    this.#stream.off('error', this.#onError);
  }

  /** Its errors go on having a listener: a reader that leaves later is nobody's crash. */
  discard(): Promise<void> {
    this.#letGo();
    return Promise.resolve();
  }

  async #drained(): Promise<void> {
    while (this.#stream.writableNeedDrain && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#assertWhole();
  }

  #assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  #letGo(): void {
    this.#stream.off('close', this.#onClose).off('drain', this.#onDrain);
  }

  readonly #onDrain = (): void => {
    this.#wake();
  };

  readonly #onError = (error: Error): void => {
    this.#failure ??= sinkError('Writing the output', error);
    this.#onFailure(this.#failure);
    this.#wake();
  };

  readonly #onClose = (): void => {
    this.#onError(Object.assign(new Error('closed'), { code: 'EPIPE' }));
  };
}
