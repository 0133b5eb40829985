import type { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

/** Work that is done again and again, with a pause after each time, until it is stopped. */
export class Repeat {
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  constructor(name: string, pauseMs: number, log: Logger, work: () => Promise<void>) {
    this.#running = this.#run(name, pauseMs, log, work);
  }

  /** Waits for the work that is being done. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(name: string, pauseMs: number, log: Logger, work: () => Promise<void>): Promise<void> {
    let lastFailure = '';
    while (!this.#ended.signal.aborted) {
      try {
        await work();
        if (lastFailure !== '') log.log(`${name}: works again`);
        lastFailure = '';
      } catch (error) {
        const failure = error instanceof Error ? error.message : String(error);
        // A server that is away is away for many rounds: once is enough.
        if (failure !== lastFailure) log.warn(`${name}: ${failure}`);
        lastFailure = failure;
      }
      await sleep(pauseMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
    }
  }
}
