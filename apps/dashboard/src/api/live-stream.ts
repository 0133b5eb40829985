import type { Job, ServiceStatus } from '@copyline/contracts';

import { apiAddress } from './client.ts';

/** The server says something every few seconds; after this long a silent line is a dead one. */
const SILENCE_MS = 20_000;
/** After an answer that ends an EventSource for good, such as a proxy's 502. */
const REOPEN_MS = 2000;

export interface LiveListener {
  /** The list with which a connection begins. */
  snapshot(jobs: readonly Job[]): void;
  changes(jobs: readonly Job[]): void;
  status(status: ServiceStatus): void;
  /** The connection is gone; it is being opened again. */
  lost(): void;
  /** Whether to try again after the server has refused: no, when the session is over. */
  mayReopen(): Promise<boolean>;
}

/** Follows the server's events, and the server itself through restarts, until it is closed. */
export class LiveStream {
  readonly #listener: LiveListener;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(listener: LiveListener) {
    this.#listener = listener;
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  #open(): void {
    const source = new EventSource(apiAddress('events'));
    let isFirst = true;
    source.addEventListener('open', () => {
      isFirst = true;
      this.#expectSound();
    });
    source.addEventListener('jobs', ({ data }: MessageEvent<string>) => {
      this.#expectSound();
      const { jobs } = JSON.parse(data) as { jobs: Job[] };
      if (isFirst) this.#listener.snapshot(jobs);
      else this.#listener.changes(jobs);
      isFirst = false;
    });
    source.addEventListener('status', ({ data }: MessageEvent<string>) => {
      this.#expectSound();
      this.#listener.status(JSON.parse(data) as ServiceStatus);
    });
    source.addEventListener('error', () => {
      this.#listener.lost();
      if (source.readyState === EventSource.CLOSED) void this.#reopen(REOPEN_MS);
    });
    this.#source = source;
    this.#expectSound();
  }

  /** A line that was cut without a word, as by a sleeping laptop, raises no error by itself. */
  #expectSound(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#listener.lost();
      void this.#reopen(0);
    }, SILENCE_MS);
  }

  async #reopen(delayMs: number): Promise<void> {
    this.#stop();
    const mayReopen = await this.#listener.mayReopen();
    if (!mayReopen || this.#isClosed) return;
    this.#timer = setTimeout(() => this.#open(), delayMs);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
  }
}
